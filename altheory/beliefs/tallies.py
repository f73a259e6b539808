"""Tallies of arms that keep more than plays and sums: the variance of rewards, and which arms may still be best."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.beliefs.counts import Counts, _one_hot, ordered
from altheory.core import Menu, Scalar, record
from altheory.core.check import at_least, between


@record
class Moments:
    """Per-arm plays, reward sums and summed squared deviations from the mean, for rewards in [`low`, `high`].

    Deviations are summed by Welford's update, which keeps its digits however far from 0 rewards are. `menu.x` holds arm
    ids `[K]`. Cite: welford1962note.
    """

    plays: Float[Array, "arms"]
    total: Float[Array, "arms"]
    deviation: Float[Array, "arms"]
    scale: Float[Array, ""] | float = 0.5
    low: Float[Array, ""] | float = 0.0
    high: Float[Array, ""] | float = 1.0

    arms, count, mean, std = Counts.arms, Counts.count, Counts.mean, Counts.std

    def update(self, row: Menu, y: Any) -> "Moments":
        hit = _one_hot(row, self.plays)
        y = jnp.asarray(y, self.total.dtype)
        plays, total = self.plays + hit, self.total + hit * y
        before, after = self.total / jnp.maximum(self.plays, 1), total / jnp.maximum(plays, 1)
        spread = jnp.where(self.plays > 0, (y - before) * (y - after), 0)
        return self.replace(plays=plays, total=total, deviation=self.deviation + hit * spread)  # type: ignore[attr-defined]

    def variance(self, menu: Menu) -> Float[Array, "K"]:
        """The empirical variance of an arm's rewards (over N, not N - 1); 0 where it was never played."""
        return jnp.maximum(self.deviation[menu.x], 0) / jnp.maximum(self.plays[menu.x], 1)


def moments(arms: int, *, low: Scalar = 0.0, high: Scalar = 1.0) -> Moments:
    """An empty tally of `arms` arms with rewards in [`low`, `high`], with variances."""
    at_least("moments arms", arms, 1)
    ordered("moments", low, high)
    zero = jnp.zeros(arms)
    return Moments(zero, zero, zero, (high - low) / 2, low, high)


@record
class Contenders:
    r"""A tally of arms of which each may still be best until the data say otherwise.

    With :math:`\alpha(n) = (h - l)\sqrt{\ln(\pi^2Kn^2/(3\delta))/(2n)}` an arm is out, for good, once
    :math:`\hat\mu_k + \alpha(N_k) \le \max_j\hat\mu_j - \alpha(N_j)`; with probability :math:`1-\delta` a best arm
    never is. Rewards lie in [`low`, `high`]; `menu.x` holds arm ids `[K]`. Cite: evendar2006action.
    """

    plays: Float[Array, "arms"]
    total: Float[Array, "arms"]
    active: Bool[Array, "arms"]
    delta: Float[Array, ""] | float = 0.05
    scale: Float[Array, ""] | float = 0.5
    low: Float[Array, ""] | float = 0.0
    high: Float[Array, ""] | float = 1.0

    arms, count, mean, std = Counts.arms, Counts.count, Counts.mean, Counts.std

    def update(self, row: Menu, y: Any) -> "Contenders":
        hit = _one_hot(row, self.plays)
        plays, total = self.plays + hit, self.total + hit * jnp.asarray(y, self.total.dtype)
        width, mean = self.width(plays), total / jnp.maximum(plays, 1)
        floor = jnp.where(self.active, mean - width, -jnp.inf).max()
        return self.replace(plays=plays, total=total, active=self.active & (mean + width > floor))  # type: ignore[attr-defined]

    def width(self, plays: Float[Array, "arms"]) -> Float[Array, "arms"]:
        r""":math:`\alpha(n)`: how far a mean of n rewards may be off; infinite where n = 0."""
        n = jnp.maximum(plays, 1)
        log = jnp.log(jnp.pi**2 * self.plays.shape[-1] / 3 / self.delta) + 2 * jnp.log(n)
        return jnp.where(plays > 0, 2 * self.scale * jnp.sqrt(log / (2 * n)), jnp.inf)

    def contends(self, menu: Menu) -> Bool[Array, "K"]:
        """Whether an arm may still be best."""
        return self.active[menu.x]


def contenders(arms: int, *, delta: Scalar = 0.05, low: Scalar = 0.0, high: Scalar = 1.0) -> Contenders:
    """`arms` arms, all of which may be best, for rewards in [`low`, `high`]; wrong with probability at most `delta`."""
    at_least("contenders arms", arms, 1)
    between("contenders delta", delta, 0, 1)
    ordered("contenders", low, high)
    return Contenders(jnp.zeros(arms), jnp.zeros(arms), jnp.ones(arms, bool), delta, (high - low) / 2, low, high)
