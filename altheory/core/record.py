"""`record`: a frozen dataclass that is a pytree, with its invariants checked once, when a person builds it."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

import jax

T = TypeVar("T")
_STATIC = "altheory.static"
_CONVERTER = "altheory.converter"

RECORDS: list[type] = []
"""Every record class, in the order of definition: error messages search it for the classes that have a capability."""


def static(*, default: Any = dataclasses.MISSING, converter: Callable[[Any], Any] | None = None) -> Any:
    """A field that is structure (a size, a name, a function): part of the treedef, so changing it recompiles."""
    return _field(default, {_STATIC: True, _CONVERTER: converter})


def leaf(*, default: Any = dataclasses.MISSING, converter: Callable[[Any], Any] | None = None) -> Any:
    """A field that is data; `converter` runs once, when a person builds the record."""
    return _field(default, {_CONVERTER: converter})


def _field(default: Any, metadata: dict[str, Any]) -> Any:
    return dataclasses.field(default=default, metadata=metadata)


@dataclass_transform(frozen_default=True, field_specifiers=(static, leaf))
def record(cls: type[T]) -> type[T]:
    """Register a class as a frozen dataclass whose fields are pytree children, but for those made with `static()`.

    JAX rebuilds a record through its own unflatten, which calls neither `__init__` nor `__check__`: tracers, `None`
    and placeholder objects pass through. `__check__(self)`, where the class has one, runs when a person builds the
    object, and is skipped while any child is being traced. `.replace(**changes)` copies without checking.
    """
    cls.__post_init__ = _post_init  # type: ignore[attr-defined]
    cls.replace = _replace  # type: ignore[attr-defined]
    made = dataclasses.dataclass(frozen=True, eq=False)(cls)
    fields = dataclasses.fields(made)  # type: ignore[arg-type]
    children = tuple(f.name for f in fields if not f.metadata.get(_STATIC))
    fixed = tuple(f.name for f in fields if f.metadata.get(_STATIC))

    def flatten_with_keys(self: Any) -> tuple[Any, tuple[Any, ...]]:
        keyed = tuple((jax.tree_util.GetAttrKey(n), getattr(self, n)) for n in children)
        return keyed, tuple(getattr(self, n) for n in fixed)

    def flatten(self: Any) -> tuple[Any, tuple[Any, ...]]:
        return tuple(getattr(self, n) for n in children), tuple(getattr(self, n) for n in fixed)

    def unflatten(aux: tuple[Any, ...], values: Any) -> T:
        self = object.__new__(made)
        for name, value in zip(fixed + children, (*aux, *values), strict=True):
            object.__setattr__(self, name, value)
        return self

    jax.tree_util.register_pytree_with_keys(made, flatten_with_keys, unflatten, flatten)
    RECORDS.append(made)
    return made


def _post_init(self: Any) -> None:
    for f in dataclasses.fields(self):
        if f.metadata.get(_CONVERTER) is not None:
            object.__setattr__(self, f.name, f.metadata[_CONVERTER](getattr(self, f.name)))
    if hasattr(self, "__check__") and not is_traced(self):
        self.__check__()


def _replace(self: T, **changes: Any) -> T:
    """A copy with some fields changed, unchecked (the loop's own moves keep the invariants)."""
    made = object.__new__(type(self))
    for f in dataclasses.fields(self):  # type: ignore[arg-type]
        object.__setattr__(made, f.name, changes.pop(f.name, getattr(self, f.name)))
    if changes:
        raise TypeError(f"{type(self).__name__} has no field {', '.join(changes)}")
    return made


def is_traced(tree: Any) -> bool:
    """Whether any leaf is a tracer, so that its value can't be looked at."""
    return any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(tree))
