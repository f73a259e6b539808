"""Arms: how often each was played, and what it paid in sum."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Menu, Scalar, record
from altheory.core.check import at_least, positive


@record
class Counts:
    r"""Per-arm plays and reward sums; `menu.x` holds arm ids `[K]`.

    `scale` is the sub-Gaussian scale of one reward (1/2 for rewards in [0, 1]), so `std` is :math:`\sigma/\sqrt{N_a}`.
    """

    plays: Float[Array, "arms"]
    total: Float[Array, "arms"]
    scale: Float[Array, ""] | float = 0.5

    def update(self, row: Menu, y: Any) -> "Counts":
        hit = _one_hot(row, self.plays)
        return self.replace(plays=self.plays + hit, total=self.total + hit * jnp.asarray(y, self.total.dtype))  # type: ignore[attr-defined]

    @property
    def arms(self) -> int:
        """The number of arms."""
        return self.plays.shape[-1]

    def count(self, menu: Menu) -> Float[Array, "K"]:
        return self.plays[menu.x]

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        """Average reward, 0 where an arm was never played."""
        return self.total[menu.x] / jnp.maximum(self.plays[menu.x], 1)

    def std(self, menu: Menu) -> Float[Array, "K"]:
        """Standard error of the mean; infinite where an arm was never played."""
        return self.scale / jnp.sqrt(self.plays[menu.x])


def counts(arms: int, *, scale: Scalar = 0.5) -> Counts:
    """An empty tally of `arms` arms."""
    at_least("counts arms", arms, 1)
    positive("counts scale", scale)
    return Counts(jnp.zeros(arms), jnp.zeros(arms), scale)


def _one_hot(row: Menu, like: Array) -> Array:
    """1 at the row's arm where the row is open, else 0: few arms update faster so than by a scatter."""
    return ((jnp.arange(like.shape[0]) == row.x) & row.open).astype(like.dtype)
