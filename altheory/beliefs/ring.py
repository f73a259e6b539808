"""The last labels seen, in a ring of fixed size."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Menu, features, record


@record
class Ring:
    """Features `x`, labels `y` and error rates `noise` of the last n labels; `seen` counts all of them."""

    x: Float[Array, "n d"]
    y: Int[Array, "n"]
    noise: Float[Array, "n"]
    seen: Int[Array, ""]

    @staticmethod
    def empty(dim: int, capacity: int) -> "Ring":
        zeros = jnp.zeros(capacity)
        return Ring(jnp.zeros((capacity, dim)), jnp.zeros(capacity, jnp.int32), zeros, jnp.zeros((), jnp.int32))

    @property
    def slot(self) -> Int[Array, ""]:
        """Where the next label is written: over the oldest, once the ring is full."""
        return self.seen % self.y.shape[-1]

    @property
    def live(self) -> Bool[Array, "n"]:
        """Which slots hold a label."""
        return jnp.arange(self.y.shape[-1]) < self.seen

    def push(self, row: Menu, y: Any) -> "Ring":
        new = (features(row.x), y, row.noise)
        held = (self.x, self.y, self.noise)
        at = self.slot
        x, y, noise = (h.at[at].set(jnp.asarray(n, h.dtype)) for h, n in zip(held, new, strict=True))
        return Ring(x, y, noise, self.seen + 1)


def keep(condition: Bool[Array, ""], new: Any, old: Any) -> Any:
    """`new` where the condition holds, else `old`, leaf by leaf."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)
