"""The protocol of stop rules that remember, and the simplest of them: a question asked of one reading."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from altheory.core import Scalar, record, static

Reading = Mapping[str, Array]
"""What is known in a round before anything is bought: names to arrays, such as `labels`, `spent`, `price`, `error`."""

GIVEN = ("labels", "spent", "price")
"""What every run reads by itself: labels bought, money spent, and the least that one more label can cost."""

Memory = TypeVar("Memory")


@runtime_checkable
class StopRule(Protocol[Memory]):
    """When to stop, as data: a fold of readings. The same rule runs in the loop (`Until`) and over a trace (`replay`).

    `reads` names the readings it needs. `init` is the memory before anything is read, `observe` adds one round's
    reading, `says` whether to stop now. All are pure and keep their types, so that a rule may live in a `lax.scan`.
    """

    @property
    def reads(self) -> tuple[str, ...]: ...
    def init(self) -> Memory: ...
    def observe(self, memory: Memory, seen: Reading) -> Memory: ...
    def says(self, memory: Memory) -> Bool[Array, ""]: ...


def remembers(rule: Any) -> bool:
    """Whether a stop rule has a memory (`StopRule`), or is a plain function of belief, menu and scores (`StopFn`)."""
    return hasattr(rule, "observe") and hasattr(rule, "says")


def advance(rule: StopRule, memory: Any, seen: Reading) -> Any:
    """The memory after one more reading, its types unchanged."""
    new = rule.observe(memory, seen)
    return jax.tree.map(lambda n, old: jnp.asarray(n).astype(jnp.asarray(old).dtype), new, memory)


@record
class When:
    """A rule without a past: stop when `fn(*readings, **hyper)` is true of the round's readings."""

    numbers: dict[str, Any]
    fn: Callable[..., Any] = static()
    reads: tuple[str, ...] = static()
    structure: tuple[tuple[str, Any], ...] = static(default=())

    def init(self) -> Bool[Array, ""]:
        return jnp.bool_(False)

    def observe(self, memory: Bool[Array, ""], seen: Reading) -> Bool[Array, ""]:
        values = [jnp.asarray(seen[name]) for name in self.reads]
        return jnp.asarray(self.fn(*values, **self.numbers, **dict(self.structure)))

    def says(self, memory: Bool[Array, ""]) -> Bool[Array, ""]:
        return memory


def when(fn: Callable[..., Any], *, reads: tuple[str, ...] | None = None, **hyper: Any) -> When:
    """A stop rule from a function of readings: its positional arguments name what it reads, keywords its numbers.

    `al.when(lambda error, *, goal: error <= goal, goal=0.05)` reads `error`. `reads` names the readings where the
    arguments are called otherwise. Floats and arrays are leaves; ints, strings and booleans are structure. Raises
    `TypeError` where the function can't be called so.
    """
    kinds = inspect.signature(fn).parameters.values()
    names = tuple(p.name for p in kinds if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))
    reads = names if reads is None else tuple(reads)
    given = {p.name: p.default for p in kinds if p.kind == p.KEYWORD_ONLY and p.default is not p.empty} | hyper
    try:
        inspect.signature(fn).bind(*reads, **hyper)
    except TypeError as error:
        name = getattr(fn, "__name__", repr(fn))
        raise TypeError(f"the stop rule {name} must take {len(reads)} readings and its numbers: {error}") from None
    fixed = {k: v for k, v in given.items() if isinstance(v, (bool, int, str)) or v is None}
    numbers = {k: v for k, v in given.items() if k not in fixed}
    return When(numbers, fn, reads, tuple(fixed.items()))


def number(x: Scalar) -> Scalar:
    """A whole number as a float, so that it is a leaf."""
    return float(x) if isinstance(x, int) else x
