"""Arms: how often each was played, and what it paid in sum."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Menu, Scalar, record
from altheory.core.check import at_least, finite, positive
from altheory.core.record import is_traced


@record
class Counts:
    r"""Per-arm plays and reward sums; `menu.x` holds arm ids `[K]`.

    `scale` is the sub-Gaussian scale of one reward (1/2 for rewards in [0, 1]), so `std` is :math:`\sigma/\sqrt{N_a}`.
    `low` and `high`, where given, are the range that rewards must lie in: an oracle that declares another is refused,
    and a run that sees a reward outside is flagged. Of each arm only the first `most` rewards are learned.
    """

    plays: Float[Array, "arms"]
    total: Float[Array, "arms"]
    scale: Float[Array, ""] | float = 0.5
    low: Float[Array, ""] | float | None = None
    high: Float[Array, ""] | float | None = None
    most: Float[Array, ""] | float | None = None

    def update(self, row: Menu, y: Any) -> "Counts":
        hit = _one_hot(row, self.plays)
        if self.most is not None:
            hit = hit * (self.plays < self.most)
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


def counts(
    arms: int,
    *,
    scale: Scalar | None = None,
    low: Scalar | None = None,
    high: Scalar | None = None,
    most: Scalar | None = None,
) -> Counts:
    """An empty tally of `arms` arms; `scale` is half the range `high - low` where that is given, else 1/2."""
    at_least("counts arms", arms, 1)
    scale = assumed_scale("counts", scale, low, high)
    positive("counts scale", scale)
    if most is not None:
        positive("counts most", most)
    return Counts(jnp.zeros(arms), jnp.zeros(arms), scale, low, high, most)


def assumed_scale(name: str, scale: Scalar | None, low: Scalar | None, high: Scalar | None) -> Scalar:
    """The sub-Gaussian scale of rewards: as given, or half their range, or that of [0, 1].

    Raises `ValueError` where only one end of the range is given, or the two are not in order.
    """
    if (low is None) != (high is None):
        raise ValueError(f"{name} needs both low and high, or neither; it got low={low} and high={high}")
    if low is None or high is None:
        return 0.5 if scale is None else scale
    ordered(name, low, high)
    return (high - low) / 2 if scale is None else scale


def ordered(name: str, low: Scalar, high: Scalar) -> None:
    """Raise `ValueError` where `low` and `high` are no finite range of rewards."""
    finite(f"{name} low", low)
    finite(f"{name} high", high)
    if not is_traced((low, high)) and not float(low) < float(high):
        raise ValueError(f"{name} low must be below high; they are {float(low):g} and {float(high):g}")


def _one_hot(row: Menu, like: Array) -> Array:
    """1 at the row's arm where the row is open, else 0: few arms update faster so than by a scatter."""
    return ((jnp.arange(like.shape[0]) == row.x) & row.open).astype(like.dtype)
