"""Arms that rise with their own pulls and then level off: a line for each, until its end is seen."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.beliefs.counts import _one_hot, assumed_scale
from altheory.core import Menu, Scalar, record
from altheory.core.check import at_least, positive


@record
class Rising:
    r"""Per-arm least squares of rewards on the number of the pull, and whether the arm has levelled off.

    While an arm rises, its next reward is predicted by the line through its n rewards, to a standard error of
    :math:`\sigma\sqrt{(4n+2)/(n(n-1))}` where rewards are linear. Lines through its last `window` rewards and through
    the `window` before are compared in what they predict for the next one; where that is more than `threshold`
    apart, the arm has levelled off: only its last `window` rewards are kept, and from then on it is a flat mean with
    :math:`\sigma/\sqrt n`. `scale` is :math:`\sigma`. Memory: arms x 2 window. Cite: xia2024which.
    """

    plays: Float[Array, "arms"]
    total: Float[Array, "arms"]
    moment: Float[Array, "arms"]
    last: Float[Array, "arms recent"]
    flat: Bool[Array, "arms"]
    pulled: Float[Array, "arms"]
    threshold: Float[Array, ""] | float = 0.3
    scale: Float[Array, ""] | float = 0.5
    low: Float[Array, ""] | float | None = None
    high: Float[Array, ""] | float | None = None

    @property
    def arms(self) -> int:
        """The number of arms."""
        return self.plays.shape[-1]

    def update(self, row: Menu, y: Any) -> "Rising":
        hit = _one_hot(row, self.plays)
        y = jnp.asarray(y, self.total.dtype)
        plays, pulled = self.plays + hit, self.pulled + hit
        total, moment = self.total + hit * y, self.moment + hit * plays * y
        moved = jnp.concatenate([self.last[:, 1:], jnp.broadcast_to(y, (self.last.shape[0], 1))], 1)
        last = jnp.where(hit[:, None] > 0, moved, self.last)
        window = last.shape[1] // 2
        apart = line(last[:, :window], 2 * window + 1) - line(last[:, window:], window + 1)
        turned = (hit > 0) & ~self.flat & (plays >= last.shape[1]) & (jnp.abs(apart) > self.threshold)
        return self.replace(  # type: ignore[attr-defined]
            plays=jnp.where(turned, window, plays),
            total=jnp.where(turned, last[:, window:].sum(1), total),
            moment=moment,
            last=last,
            flat=self.flat | turned,
            pulled=pulled,
        )

    def count(self, menu: Menu) -> Float[Array, "K"]:
        """All pulls of an arm, those before it levelled off too."""
        return self.pulled[menu.x]

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        """What an arm's next pull is expected to pay; 0 where it was never played."""
        n, total = self.plays[menu.x], self.total[menu.x]
        centre = total / jnp.maximum(n, 1)
        spread = jnp.maximum(n * (n**2 - 1) / 12, 0.5)
        slope = (self.moment[menu.x] - (n + 1) / 2 * total) / spread
        rise = jnp.where(self.flat[menu.x] | (n < 2), 0, slope * (n + 1) / 2)
        return centre + rise

    def width(self, menu: Menu) -> Float[Array, "K"]:
        """The standard error of `mean`; infinite before the second pull."""
        n = self.plays[menu.x]
        line = (4 * n + 2) / jnp.maximum(n * (n - 1), 1)
        share = jnp.where(self.flat[menu.x], 1 / jnp.maximum(n, 1), line)
        return jnp.where(n < 2, jnp.inf, self.scale * jnp.sqrt(share))


def line(y: Float[Array, "arms n"], at: float) -> Float[Array, "arms"]:
    """The least-squares line through y at 1..n, evaluated at `at`."""
    n = y.shape[1]
    centred = jnp.arange(1, n + 1, dtype=y.dtype) - (n + 1) / 2
    slope = (y * centred).sum(1) / jnp.maximum((centred**2).sum(), 1)
    return y.mean(1) + slope * (at - (n + 1) / 2)


def rising(
    arms: int,
    window: int = 50,
    threshold: Scalar = 0.3,
    *,
    scale: Scalar | None = None,
    low: Scalar | None = None,
    high: Scalar | None = None,
) -> Rising:
    r"""`arms` arms that rise and level off; `window` and `threshold` tell when, other arguments are as for `counts`.

    The two predictions differ by chance with a standard deviation of about :math:`s\sqrt{32/w}` for noise s and window
    w: a threshold of three times that is seldom crossed by chance. A slope that ends shows as the slope times w.
    """
    at_least("rising arms", arms, 1)
    at_least("rising window", window, 2)
    positive("rising threshold", 1.0 * threshold)
    scale = assumed_scale("rising", scale, low, high)
    positive("rising scale", scale)
    zero = jnp.zeros(arms)
    recent = jnp.zeros((arms, 2 * window))
    return Rising(zero, zero, zero, recent, jnp.zeros(arms, bool), zero, threshold, scale, low, high)
