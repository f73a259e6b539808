"""Boxes to search: each holds a prize that is seen only after its price is paid."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Choice, Key, Menu, Outcome, leaf, record, static
from altheory.core.arrays import floats, whole
from altheory.core.check import at_least, finite, matrix, nonnegative, one_length


@record
class BoxWorld:
    """What each box holds in this run, which were opened, and the best prizes in hand, in falling order."""

    prize: Float[Array, "K"]
    opened: Bool[Array, "K"]
    hand: Float[Array, "winners"]


@record
class BoxSearch:
    """K boxes with independent prizes from the laws `prize`, drawn afresh for each run; opening k costs `price[k]`.

    A prize counts only if its box was opened; prizes found are kept, and the `winners` best are taken at the end,
    against an `outside` option. `parent[k]` is the box that must be opened before k, -1 where there is none.
    Raises `ValueError` where sizes differ, a price is negative, or the parents form no forest.
    """

    costs_at_most_price = True
    independent = True

    prize: Any
    price: Float[Array, "K"] = leaf(converter=floats)
    outside: float | Float[Array, ""] = 0.0
    parent: Int[Array, "K"] | None = leaf(default=None, converter=whole)
    winners: int = static(default=1)

    def __check__(self) -> None:
        check_search("BoxSearch", self)
        if self.prize.shape not in ((), self.price.shape):
            raise ValueError(
                f"BoxSearch needs one law of prizes for each of the {self.price.size} prices; their shape is "
                f"{self.prize.shape}"
            )
        if self.parent is not None:
            one_length("BoxSearch parent", self.parent, self.price.size)
            check_forest("BoxSearch parent", np.asarray(self.parent))

    def init(self, key: Key) -> BoxWorld:
        drawn = self.prize.spread(self.price.shape).sample(key).astype(self.price.dtype)
        return _closed(drawn, self)

    def offer(self, world: BoxWorld) -> Menu:
        size = self.price.shape[0]
        open = ~world.opened
        if self.parent is not None:
            open &= (self.parent < 0) | world.opened[self.parent]
        return Menu(jnp.arange(size), self.price, jnp.zeros(size, self.price.dtype), open)

    def answer(self, world: BoxWorld, choice: Choice, key: Key) -> tuple[BoxWorld, Outcome]:
        y = world.prize[choice.item]
        opened = world.opened.at[choice.item].max(choice.valid)
        cost = jnp.where(choice.valid, self.price[choice.item], 0)
        return BoxWorld(world.prize, opened, _after(world, choice)), Outcome(y, cost)

    def value(self, world: BoxWorld) -> Float[Array, "K"]:
        """What each box holds."""
        return world.prize

    def gain(self, world: BoxWorld, choice: Choice) -> Float[Array, ""]:
        """By how much a choice raises what is in hand."""
        return (_after(world, choice) - world.hand).sum()


@record
class TableSearch:
    """Boxes whose prizes are a row of `table [rows, K]`, the same row for all of them, drawn afresh for each run.

    Recorded results of K models on one task are such a row. The boxes are as dependent as the columns are, so
    Weitzman's rule need not be optimal: theorems on independent boxes do not apply. Otherwise as `BoxSearch`.
    """

    costs_at_most_price = True
    independent = False

    table: Float[Array, "rows K"] = leaf(converter=floats)
    price: Float[Array, "K"] = leaf(converter=floats)
    outside: float | Float[Array, ""] = 0.0
    winners: int = static(default=1)
    parent: None = static(default=None)

    def __check__(self) -> None:
        check_search("TableSearch", self)
        matrix("TableSearch table", self.table)
        one_length("TableSearch price", self.price, self.table.shape[1])

    def init(self, key: Key) -> BoxWorld:
        return _closed(self.table[jax.random.randint(key, (), 0, self.table.shape[0])], self)

    offer, answer, value, gain = BoxSearch.offer, BoxSearch.answer, BoxSearch.value, BoxSearch.gain


def check_search(name: str, search: Any) -> None:
    """Raise `ValueError` where prices, the outside option or the number of winners are no such thing."""
    one_length(f"{name} price", search.price, max(search.price.size, 1))
    nonnegative(f"{name} price", search.price)
    finite(f"{name} outside", search.outside)
    at_least(f"{name} winners", search.winners, 1)


def check_forest(name: str, parent: np.ndarray) -> None:
    """Raise `ValueError` where parents `[K]` are no box ids, or some box waits for itself."""
    size = len(parent)
    if ((parent < -1) | (parent >= size)).any():
        raise ValueError(f"{name} must hold box ids below {size}, or -1 for a box that waits for none; it has {parent}")
    at = np.arange(size)
    for _ in range(size + 1):
        at = np.where(at >= 0, parent[at], -1)
    if (at >= 0).any():
        raise ValueError(f"{name} must be a forest; box {int(np.argmax(at >= 0))} waits for itself")


def _closed(prize: Array, search: Any) -> BoxWorld:
    hand = jnp.full(search.winners, search.outside, prize.dtype)
    return BoxWorld(prize, jnp.zeros(prize.shape, bool), hand)


def _after(world: BoxWorld, choice: Choice) -> Float[Array, "winners"]:
    """The best in hand after a choice."""
    found = jnp.where(choice.valid, world.prize[choice.item], -jnp.inf)
    every = jnp.append(world.hand, jnp.atleast_1d(found))
    return jnp.sort(every, descending=True)[: world.hand.shape[0]]
