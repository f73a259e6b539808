"""A strong oracle that says whether two items belong together."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from altheory.core import Choice, Key, Menu, Outcome, leaf, record
from altheory.core.check import nonnegative, within


@record
class ClusterPairs:
    """n items; menu row `i n + j` asks whether i and j belong together, which is told as 1 or 0.

    `same [n, n]` is the truth, symmetric, transitive or not; each answer is wrong with probability `flip`. A question
    costs `price`. Raises `ValueError` where `same` is no symmetric matrix.
    """

    reward_range = (0.0, 1.0)
    costs_at_most_price = True

    same: Bool[Array, "n n"] | Bool[np.ndarray, "n n"] = leaf(converter=lambda s: jnp.asarray(s, bool))
    price: Float[Array, ""] | float = 1.0
    flip: Float[Array, ""] | float = 0.0

    def __check__(self) -> None:
        nonnegative("ClusterPairs price", self.price)
        within("ClusterPairs flip", self.flip, 0, 0.5)
        if isinstance(self.same, jax.core.Tracer):
            return
        same = np.asarray(self.same)
        if same.ndim != 2 or same.shape[0] != same.shape[1] or (same != same.T).any():
            raise ValueError(f"ClusterPairs same must be a symmetric [n, n] matrix; its shape is {same.shape}")

    def init(self, key: Key) -> tuple[()]:
        return ()

    def offer(self, world: tuple[()]) -> Menu:
        items = self.same.shape[0]
        pair = jnp.stack(jnp.divmod(jnp.arange(items * items, dtype=jnp.int32), items), -1)
        ones = jnp.ones(items * items)
        return Menu(pair, self.price * ones, self.flip * ones, ones > 0)

    def answer(self, world: tuple[()], choice: Choice, key: Key) -> tuple[tuple[()], Outcome]:
        wrong = jax.random.uniform(key, choice.item.shape) < self.flip
        y: Any = jnp.ravel(self.same)[choice.item] != wrong
        return world, Outcome(y.astype(jnp.float32), jnp.where(choice.valid, jnp.asarray(self.price, jnp.float32), 0))

    def value(self, world: tuple[()]) -> Float[Array, "K"]:
        """Whether each pair belongs together."""
        return jnp.ravel(self.same).astype(jnp.float32)
