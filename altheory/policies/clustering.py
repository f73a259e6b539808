"""Clustering with a dear oracle that says whether two items belong together, and a cheap similarity that helps."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Choice, Key, Menu, Outcome, leaf, record, static
from altheory.core.arrays import floats, whole
from altheory.core.check import matrix
from altheory.core.status import OK


@record
class Clustering:
    """Where clustering stands: each item's `pivot`, -1 while it has none; the `order` items come in and how many have
    (`at`); and of each pivot whether the item at hand was compared with it.
    """

    pivot: Int[Array, "n"]
    order: Int[Array, "n"]
    at: Int[Array, ""]
    asked: Bool[Array, "n"]
    status: Int[Array, ""]

    @property
    def clusters(self) -> Int[Array, "n"]:
        """The cluster of each item, named after its pivot; an item that has not come yet is alone."""
        return jnp.where(self.pivot < 0, jnp.arange(self.pivot.shape[-1], dtype=jnp.int32), self.pivot)


@record
class KwikCluster:
    r"""Compare each item, in random order, with the pivots so far: the first that it belongs with is its cluster's.

    Menu row `i n + j` asks the strong oracle whether items i and j of n belong together. An item that belongs with
    none becomes a pivot. `weak [n, n]` is a similarity that costs nothing: pivots less similar than `above` are not
    asked about, and with `ranked` the most similar comes first (KwikBucks), else the oldest. `most` limits questions
    an item. A pair that is closed is not asked about. Stops when every item has come; `state.clusters` is a clustering
    at any time.

    With pivots by age the expected disagreements are at most 3 times the fewest, for at most n questions a cluster, and
    a filter that drops no pair that belongs together changes nothing (`kwikcluster-weak-strong`). `ranked` gives the
    same where belonging is transitive, for far fewer questions. `order` fixes the order. A round costs O(n).

    Raises `ValueError` where `weak` is no square matrix or an order no permutation. Cite: ailon2008aggregating,
    silwal2023kwikbucks.
    """

    weak: Float[Array, "n m"] | Float[np.ndarray, "n m"] = leaf(converter=floats)
    above: Float[Array, ""] | float = leaf(default=-jnp.inf)
    most: Int[Array, ""] | int = 2**30
    order: Int[Array, "N"] | Int[np.ndarray, "N"] | None = leaf(default=None, converter=whole)
    ranked: bool = static(default=True)

    def __check__(self) -> None:
        matrix("KwikCluster weak", self.weak)
        items = self.weak.shape[0]
        if self.weak.shape[1] != items:
            raise ValueError(f"KwikCluster weak must be [n, n]; its shape is {self.weak.shape}")
        known = self.order is not None and not isinstance(self.order, jax.core.Tracer)
        if known and not np.array_equal(np.sort(np.asarray(self.order)), np.arange(items)):
            raise ValueError(f"KwikCluster order must be a permutation of {items} items; it is {self.order}")

    def init(self, key: Key) -> Clustering:
        items = self.weak.shape[0]
        order = jax.random.permutation(key, items).astype(jnp.int32) if self.order is None else jnp.asarray(self.order)
        none = jnp.full(items, -1, jnp.int32)
        return self._on(Clustering(none, order, jnp.int32(0), jnp.zeros(items, bool), jnp.int32(OK)))

    def select(self, state: Clustering, menu: Menu, key: Key) -> Choice:
        items, one = self.weak.shape[0], self._item(state)
        open = jax.lax.dynamic_slice(menu.open, (one * items,), (items,))
        able = self._candidates(state) & open
        worth = self._alike(state) if self.ranked else jnp.zeros(items).at[state.order].set(-jnp.arange(1.0 * items))
        other = jnp.argmax(jnp.where(able, worth, -jnp.inf)).astype(jnp.int32)
        stop = (state.at >= items) | ~menu.open.any()
        return Choice(one * items + other, jnp.ones((), menu.price.dtype), stop, ~stop & able.any(), state.status)

    def update(self, state: Clustering, menu: Menu, choice: Choice, outcome: Outcome) -> Clustering:
        one, other = jnp.divmod(choice.item, self.weak.shape[0])
        joins = choice.valid & (jnp.asarray(outcome.y) > 0.5)
        alone = ~choice.valid & ~choice.stop
        asked = state.asked.at[other].set(state.asked[other] | choice.valid)
        told: Any = state
        return self._on(self._next(told.replace(asked=asked), jnp.where(alone, one, other), joins | alone))

    def _item(self, state: Clustering) -> Array:
        return state.order[jnp.minimum(state.at, state.order.shape[0] - 1)]

    def _alike(self, state: Clustering) -> Float[Array, "n"]:
        """How similar the item at hand is to each."""
        return jnp.asarray(self.weak)[self._item(state)]

    def _candidates(self, state: Clustering) -> Bool[Array, "n"]:
        """The pivots that the item at hand may still be compared with."""
        pivots = state.pivot == jnp.arange(state.pivot.shape[0])
        near = self._alike(state) >= jnp.asarray(self.above, self.weak.dtype)
        return pivots & near & ~state.asked & (state.asked.sum() < self.most)

    def _next(self, state: Any, pivot: Array, placed: Array) -> Any:
        """The item at hand placed with a pivot, and the next one at hand."""
        one = self._item(state)
        pivots = state.pivot.at[one].set(jnp.where(placed, pivot, state.pivot[one]).astype(jnp.int32))
        return state.replace(pivot=pivots, at=state.at + placed, asked=state.asked & ~placed)

    def _on(self, state: Clustering) -> Clustering:
        """Past items that can be compared with nothing, which become pivots."""

        def idle(s: Clustering) -> Array:
            return (s.at < s.order.shape[0]) & ~self._candidates(s).any()

        return jax.lax.while_loop(idle, lambda s: self._next(s, self._item(s), jnp.bool_(True)), state)


def disagreements(same: Bool[Array, "n n"], clusters: Int[Array, "n"]) -> Int[Array, ""]:
    """How many of the n(n - 1)/2 pairs are together and should not be, or should be and are not."""
    together = clusters[:, None] == clusters
    wrong = (together != same) & ~jnp.eye(same.shape[0], dtype=bool)
    return wrong.sum() // 2
