"""A policy that plays what a design says."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Num

from altheory.core import Choice, Key, Menu, Outcome, leaf, record
from altheory.core.check import nonnegative
from altheory.core.random import draw
from altheory.core.record import is_traced
from altheory.policies.pick import Acting, learn, prior


def _whole(x: Any) -> Array:
    """Counts as int32, where they are whole; anything else is left for `__check__` to refuse."""
    if is_traced(x) or not np.array_equal(x, np.rint(x)):
        return jnp.asarray(x)
    return jnp.asarray(x, jnp.int32)


@record
class Playing:
    """A belief, and the pulls of each item that are still to come, `left [K]`."""

    belief: Any
    status: Array
    left: Int[Array, "K"]


@record
class PlayDesign:
    """Buy item k `repeats[k]` times, in random order, then stop: a design rounded by `round_design`, played.

    `belief` learns from the outcomes and has no say. Each open item is drawn with probability proportional to the
    pulls it has left, which is the `prob` of the choice. A closed item waits until it is open; the run stops where no
    open item has pulls left. Costs O(K) a round. Raises `ValueError` where `repeats` are not whole numbers of at
    least 0. Cite: pukelsheim2006optimal.
    """

    belief: Any
    repeats: Num[Array | np.ndarray, "*K"] = leaf(converter=_whole)

    def __check__(self) -> None:
        nonnegative("PlayDesign repeats", self.repeats)
        if self.repeats.ndim != 1 or not jnp.issubdtype(self.repeats.dtype, jnp.integer):
            raise ValueError(
                f"PlayDesign repeats must be whole numbers, one for each item, such as round_design gives; they are "
                f"{self.repeats.dtype} of shape {self.repeats.shape}"
            )

    def init(self, key: Key) -> Playing:
        return Playing(prior(self.belief, key), jnp.int32(0), jnp.asarray(self.repeats))

    def select(self, state: Playing, menu: Menu, key: Key) -> Choice:
        due = jnp.where(menu.open, state.left, 0).astype(menu.price.dtype)
        prob = due / jnp.maximum(due.sum(), 1.0)
        item = draw(prob, key)
        stop = ~(due > 0).any()
        return Choice(item, prob[item], stop, ~stop, state.status)

    def update(self, state: Playing, menu: Menu, choice: Choice, outcome: Outcome) -> Playing:
        acting = learn(self, Acting(state.belief, state.status), menu, choice, outcome)
        left = state.left.at[choice.item].add(-choice.valid.astype(state.left.dtype))
        return Playing(acting.belief, acting.status, left)
