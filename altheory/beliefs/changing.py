"""Tallies of arms for rewards that change: the last rounds, a discount, restarts when a change is seen, and trends."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from altheory.beliefs.counts import Counts, _one_hot, assumed_scale, ordered
from altheory.core import Menu, Scalar, record
from altheory.core.check import at_least, between, positive
from altheory.core.numerics import add_exact


@record
class Windowed:
    r"""Plays and reward sums of the last `window` rounds; `menu.x` holds arm ids `[K]`.

    Sums are kept as two floats, so that what leaves the window takes with it exactly what it brought. A round in which
    nothing is bought does not count. Memory: the window. Cite: garivier2011upper.
    """

    plays: Float[Array, "arms"]
    total: tuple[Float[Array, "arms"], Float[Array, "arms"]]
    arm: Int[Array, "window"]
    reward: Float[Array, "window"]
    rounds: Int[Array, ""]
    scale: Float[Array, ""] | float = 0.5
    low: Float[Array, ""] | float | None = None
    high: Float[Array, ""] | float | None = None

    def update(self, row: Menu, y: Any) -> "Windowed":
        slot = self.rounds % self.reward.shape[0]
        arms = jnp.arange(self.plays.shape[0])
        hit = _one_hot(row, self.plays)
        gone = ((arms == self.arm[slot]) & row.open).astype(self.plays.dtype)
        y = jnp.asarray(y, self.reward.dtype)
        total = add_exact(add_exact(self.total, hit * y), -gone * self.reward[slot])
        return self.replace(  # type: ignore[attr-defined]
            plays=self.plays + hit - gone,
            total=total,
            arm=self.arm.at[slot].set(jnp.where(row.open, row.x, self.arm[slot]).astype(self.arm.dtype)),
            reward=self.reward.at[slot].set(jnp.where(row.open, y, self.reward[slot])),
            rounds=self.rounds + row.open.astype(self.rounds.dtype),
        )

    @property
    def arms(self) -> int:
        """The number of arms."""
        return self.plays.shape[-1]

    def count(self, menu: Menu) -> Float[Array, "K"]:
        return self.plays[menu.x]

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        """Average reward in the window, 0 where there is none."""
        return (self.total[0] + self.total[1])[menu.x] / jnp.maximum(self.plays[menu.x], 1)

    def horizon(self, menu: Menu) -> Float[Array, ""]:
        """The length of the window."""
        return jnp.asarray(self.reward.shape[0], self.plays.dtype)


def windowed(
    arms: int, window: int, *, scale: Scalar | None = None, low: Scalar | None = None, high: Scalar | None = None
) -> Windowed:
    """A tally of the last `window` rounds; other arguments as for `counts`."""
    at_least("windowed arms", arms, 1)
    at_least("windowed window", window, 1)
    scale = assumed_scale("windowed", scale, low, high)
    positive("windowed scale", scale)
    zero = jnp.zeros(arms)
    ring = jnp.full(window, -1, jnp.int32)
    return Windowed(zero, (zero, zero), ring, jnp.zeros(window), jnp.int32(0), scale, low, high)


@record
class Discounted:
    r"""Plays and reward sums in which a round counts :math:`\gamma^s` after s more; `menu.x` holds arm ids `[K]`.

    A round in which nothing is bought does not discount. Cite: garivier2011upper.
    """

    plays: Float[Array, "arms"]
    total: Float[Array, "arms"]
    gamma: Float[Array, ""] | float = 0.99
    scale: Float[Array, ""] | float = 0.5
    low: Float[Array, ""] | float | None = None
    high: Float[Array, ""] | float | None = None

    arms, count = Counts.arms, Counts.count

    def update(self, row: Menu, y: Any) -> "Discounted":
        hit = _one_hot(row, self.plays)
        fade = jnp.where(row.open, self.gamma, 1.0)
        y = jnp.asarray(y, self.total.dtype)
        return self.replace(plays=fade * self.plays + hit, total=fade * self.total + hit * y)  # type: ignore[attr-defined]

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        """Discounted average reward, 0 where an arm was never played."""
        plays = self.plays[menu.x]
        return self.total[menu.x] / jnp.where(plays > 0, plays, 1)


def discounted(
    arms: int, gamma: Scalar, *, scale: Scalar | None = None, low: Scalar | None = None, high: Scalar | None = None
) -> Discounted:
    """A tally discounted by `gamma` a round; other arguments as for `counts`."""
    at_least("discounted arms", arms, 1)
    between("discounted gamma", gamma, 0, 1)
    scale = assumed_scale("discounted", scale, low, high)
    positive("discounted scale", scale)
    return Discounted(jnp.zeros(arms), jnp.zeros(arms), gamma, scale, low, high)


@record
class Restarting:
    r"""A tally that starts anew, for all arms, when the last `window` rewards of an arm show a change.

    Detected where the sums of the first and of the second half of an arm's last w rewards differ by more than
    :math:`b` = `threshold`. For rewards of range 1, :math:`b = \sqrt{\frac w2\ln(2KT^2)}` gives a false alarm in T
    rounds with probability at most 1/T. Memory: arms x window. Cite: cao2019nearly.
    """

    plays: Float[Array, "arms"]
    total: Float[Array, "arms"]
    last: Float[Array, "arms window"]
    restarts: Int[Array, ""]
    threshold: Float[Array, ""] | float = 10.0
    scale: Float[Array, ""] | float = 0.5
    low: Float[Array, ""] | float = 0.0
    high: Float[Array, ""] | float = 1.0

    arms, count, mean, std = Counts.arms, Counts.count, Counts.mean, Counts.std

    def update(self, row: Menu, y: Any) -> "Restarting":
        hit = _one_hot(row, self.plays)
        y = jnp.asarray(y, self.total.dtype)
        plays, total = self.plays + hit, self.total + hit * y
        moved = jnp.concatenate([self.last[:, 1:], jnp.broadcast_to(y, (self.last.shape[0], 1))], 1)
        last = jnp.where(hit[:, None] > 0, moved, self.last)
        half = last.shape[1] // 2
        shift = jnp.abs(last[:, half:].sum(1) - last[:, :half].sum(1))
        change = ((plays >= last.shape[1]) & (hit > 0) & (shift > self.threshold)).any()
        return self.replace(  # type: ignore[attr-defined]
            plays=jnp.where(change, 0, plays),
            total=jnp.where(change, 0, total),
            last=last,
            restarts=self.restarts + change.astype(self.restarts.dtype),
        )


def restarting(arms: int, window: int, threshold: Scalar, *, low: Scalar = 0.0, high: Scalar = 1.0) -> Restarting:
    """An empty tally of `arms` arms that watches for changes of rewards in [`low`, `high`]; `window` is even."""
    at_least("restarting arms", arms, 1)
    at_least("restarting window", window, 2)
    if window % 2:
        raise ValueError(f"restarting window must be even, to be halved; it is {window}")
    positive("restarting threshold", 1.0 * threshold)
    ordered("restarting", low, high)
    zero = jnp.zeros(arms)
    return Restarting(zero, zero, jnp.zeros((arms, window)), jnp.int32(0), threshold, (high - low) / 2, low, high)
