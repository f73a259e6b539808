"""`score`: any function of belief, menu and key becomes a pytree whose numbers are leaves."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import jax
from jaxtyping import Array

from altheory.core.record import RECORDS, record, static
from altheory.core.types import Key, Menu, ScoreFn

F = TypeVar("F", bound=Callable[..., Any])


@record
class Score:
    """A score with its hyperparameters bound: `(belief, menu, key) -> [K]`, larger is better.

    Floats and arrays are leaves, so changing one never retraces and a grid of them is a `vmap`; ints, strings,
    booleans and functions are structure.
    """

    numbers: dict[str, Any]
    fn: Callable[..., Any] = static()
    structure: tuple[tuple[str, Any], ...] = static(default=())

    def __call__(self, belief: Any, menu: Menu, key: Any) -> Array:
        return self.fn(belief, menu, key, **self.numbers, **dict(self.structure))

    @property
    def hyper(self) -> dict[str, Any]:
        """Every bound hyperparameter by name, defaults included."""
        given = {**self.numbers, **dict(self.structure)}
        params = inspect.signature(self.fn).parameters.values()
        return {p.name: p.default for p in params if p.default is not inspect.Parameter.empty} | given


def score(fn: ScoreFn | Callable[..., Any], **hyper: Any) -> Score:
    """Bind hyperparameters to a score function `fn(belief, menu, key, *, ...)`.

    Raises `TypeError` where `fn` can't be called so, or has no argument of a given name.
    """
    if isinstance(fn, Score):
        return score(fn.fn, **{**fn.numbers, **dict(fn.structure), **hyper}) if hyper else fn
    if not callable(fn):
        raise TypeError(f"score needs a function of (belief, menu, key); it got {fn!r}")
    try:
        inspect.signature(fn).bind(None, None, None, **hyper)
    except TypeError as error:
        name = getattr(fn, "__name__", repr(fn))
        raise TypeError(f"the score {name} must take (belief, menu, key) and its hyperparameters: {error}") from None
    defaults = inspect.signature(fn).parameters
    given = {name: p.default for name, p in defaults.items() if isinstance(p.default, float)} | hyper
    is_structure = {k: isinstance(v, (bool, int, str)) or v is None or _is_plain_function(v) for k, v in given.items()}
    return Score(
        {k: v for k, v in given.items() if not is_structure[k]},
        fn,
        tuple((k, v) for k, v in given.items() if is_structure[k]),
    )


def _is_plain_function(v: Any) -> bool:
    return callable(v) and jax.tree_util.all_leaves([v])


def needs(*capabilities: str) -> Callable[[F], F]:
    """Mark a score with the belief's methods it calls, and say in one sentence when a belief lacks one."""

    def mark(fn: F) -> F:
        @functools.wraps(fn)
        def checked(belief: Any, menu: Menu, key: Key, **hyper: Any) -> Any:
            for name in capabilities:
                if not hasattr(belief, name):
                    raise TypeError(lacking(fn.__name__, name, belief))
            return fn(belief, menu, key, **hyper)

        checked.needs = capabilities  # type: ignore[attr-defined]
        return checked  # type: ignore[return-value]

    return mark


def lacking(score_name: str, capability: str, belief: Any) -> str:
    """The sentence for a belief without a capability: what is missing, and which beliefs have it."""
    able = sorted({c.__name__ for c in RECORDS if hasattr(c, capability) and hasattr(c, "update")})
    return (
        f"the score {score_name} needs a belief with `{capability}`; {type(belief).__name__} has none. "
        f"Beliefs that do: {', '.join(able) or 'none is loaded'}"
    )
