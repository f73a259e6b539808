"""The nouns of the loop: a menu is offered, a choice is made, an outcome comes back at a price."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from altheory.core.check import finite, nonnegative, one_length
from altheory.core.record import leaf, record, static

Key = PRNGKeyArray
Scalar = float | Float[Array, ""]
"""A number, traced or not."""


def _array(x: Any) -> Any:
    return jnp.asarray(x) if not isinstance(x, jax.core.Tracer) else x


def _floats(x: Any) -> Any:
    x = _array(x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.float32)


@record
class Rows:
    """Rows of a shared table, by reference: a product menu (items x labelers) holds indices, not copies of features.

    `table` is `[N, ...]`; `index` is `[K]`, the item of each menu row; `source` is `[K]`, its labeler or model.
    `copies` > 0 says that `index` runs through the whole table that many times, so that nothing need be gathered.
    """

    table: PyTree[Any]
    index: Int[Array, "*K"]
    source: Int[Array, "*K"]
    copies: int = static(default=0)

    def __getitem__(self, i: Any) -> "Rows":
        return Rows(self.table, self.index[i], self.source[i])


def _is_rows(x: Any) -> bool:
    return isinstance(x, Rows)


def take(x: PyTree[Any], i: Any) -> PyTree[Any]:
    """Row `i` of every array in `x`; a `Rows` keeps its table whole."""
    return jax.tree.map(lambda a: a[i], x, is_leaf=_is_rows)


def features(x: Any) -> Array:
    """The feature array `[K, d]` (or `[d]`, of one row) behind a menu's `x`, looked up where `x` is `Rows`."""
    return x.table[x.index] if _is_rows(x) else x


def item_ids(x: Any) -> Array:
    """Which item of the pool each menu row is, `[K]` (a scalar, of one row): the index of `Rows`, or `x` itself."""
    return x.index if _is_rows(x) else x


def per_item(fn: Callable[[Array], Array], x: Any, *, axis: int = 0) -> Array:
    """Apply `fn` to features `[N, d]` once an item, then spread its item axis over menu rows where `x` is `Rows`.

    A menu of fewer rows than the table has items, such as a stream's, is looked up first.
    """
    if not _is_rows(x) or x.index.shape[0] < x.table.shape[0]:
        return fn(features(x))
    each = fn(x.table)
    return jnp.concatenate([each] * x.copies, axis) if x.copies else jnp.take(each, x.index, axis=axis)


def product(table: Any, sources: int) -> Rows:
    """All items for each of `sources` labelers or models: row `s N + i` is item i from source s."""
    items = jax.tree.leaves(table)[0].shape[0]
    index = jnp.tile(jnp.arange(items), sources)
    return Rows(table, index, jnp.repeat(jnp.arange(sources), items), sources)


@record
class Menu:
    """What an oracle offers in a round: K items, K static.

    `x`: whatever describes an item (features `[K, d]`, arm ids `[K]`, `Rows`); `price [K]` in money, `noise [K]` the
    outcome's noise (a standard deviation for real outcomes, an error rate for labels), `open [K]` what may be chosen.
    """

    x: PyTree[Any]
    price: Float[Array, "*K"]
    noise: Float[Array, "*K"]
    open: Bool[Array, "*K"]

    def __getitem__(self, i: Any) -> "Menu":
        return Menu(take(self.x, i), self.price[i], self.noise[i], self.open[i])

    def closing(self, shut: Bool[Array, "K"]) -> "Menu":
        """The same menu with the items of a mask closed."""
        return Menu(self.x, self.price, self.noise, self.open & ~shut)


def menu(x: PyTree[Any], *, price: Any = None, noise: Any = None, open: Any = None) -> Menu:
    """Build a menu from features `[K, ...]`; prices default to 1, noise to 0, and every item is open.

    Raises `ValueError` where a feature or price is not finite, a price is below zero, or lengths differ.
    """
    size = (x.index if isinstance(x, Rows) else jax.tree.leaves(x)[0]).shape[0]
    made = Menu(
        x if isinstance(x, Rows) else jax.tree.map(_array, x),
        _floats(jnp.ones(size) if price is None else price),
        _floats(jnp.zeros(size) if noise is None else noise),
        _array(jnp.ones(size, bool) if open is None else open),
    )
    for name in ("price", "noise", "open"):
        one_length(f"menu {name}", getattr(made, name), size)
    finite("menu x", x)
    nonnegative("menu price", made.price)
    nonnegative("menu noise", made.noise)
    return made


@record
class Choice:
    """What a policy picked: `item` and `prob` are scalars, or `[q]` when batched, with the `valid` mask beside them.

    `prob` is the probability of the pick given the scores. `stop` ends the run before anything is bought. `status`
    holds the bits of `altheory.core.status`.
    """

    item: Int[Array, "*q"]
    prob: Float[Array, "*q"]
    stop: Bool[Array, ""]
    valid: Bool[Array, "*q"]
    status: Int[Array, ""]


@record
class Outcome:
    """What came back: `y` (a label, a reward, any pytree) and its `cost`, each `[q]` when batched.

    `confidence` is the source's own probability that `y` is right, 1 where it states none. `use` is what else was
    consumed, of each of m limited resources, `()` where there is none beside money.
    """

    y: PyTree[Any]
    cost: Float[Array, "*q"]
    confidence: Float[Array, "*q"] = leaf(default=1.0)
    use: Float[Array, "*q m"] | tuple[()] = leaf(default=())


@runtime_checkable
class Belief(Protocol):
    """What is known. Only `update` is required; a score asks for the capabilities it needs:

    `mean(menu) -> [K]`, `std(menu) -> [K]`, `count(menu) -> [K]`, `sample(menu, key) -> [K]`,
    `probs(menu) -> [K, C]` at the point estimate, `predictive(menu, key, draws) -> [draws, K, C]`.
    `init(key)`, where a belief has it, draws what it starts a run from, such as the weights of a network.
    A row whose `open` is False changes nothing.
    """

    def update(self, row: Menu, y: Any) -> Any: ...


State = TypeVar("State")
World = TypeVar("World")


@runtime_checkable
class Policy(Protocol[State]):
    """Who chooses. A policy is data (a pytree of hyperparameters); its state is a fold of `update`."""

    def init(self, key: Key) -> State: ...
    def select(self, state: State, menu: Menu, key: Key) -> Choice: ...
    def update(self, state: State, menu: Menu, choice: Choice, outcome: Outcome) -> State: ...


@runtime_checkable
class Oracle(Protocol[World]):
    """The simulated environment. `World` holds only what changes; constants live in the oracle's own fields."""

    def init(self, key: Key) -> World: ...
    def offer(self, world: World) -> Menu: ...
    def answer(self, world: World, choice: Choice, key: Key) -> tuple[World, Outcome]: ...
    def value(self, world: World) -> Float[Array, "K"]: ...


@runtime_checkable
class Live(Protocol):
    """The host oracle: the same two verbs, impure."""

    def offer(self) -> Menu: ...
    def answer(self, choice: Choice) -> Outcome: ...


ScoreFn = Callable[[Any, Menu, Key], Float[Array, "K"]]
StopFn = Callable[[Any, Menu, Float[Array, "K"]], Bool[Array, ""]]
