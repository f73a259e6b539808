"""Prizes whose reservation value has a closed form, or is one function of one number."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Key, leaf, record
from altheory.core.check import finite, nonnegative, positive
from altheory.scores.prizes import normal
from altheory.scores.prizes.common import Numbers, Threshold, batch, floats, widen


@record
class UniformPrize:
    r"""Uniform on [`low`, `high`]: :math:`\kappa = h - \sqrt{2c(h - l)}` where that is at least `low`."""

    events = 0

    low: Numbers = leaf(default=0.0, converter=floats)
    high: Numbers = leaf(default=1.0, converter=floats)

    def __check__(self) -> None:
        finite("UniformPrize low and high", (self.low, self.high))
        positive("UniformPrize high minus low", self.high - self.low)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the laws held."""
        return batch(self)

    def spread(self, shape: tuple[int, ...]) -> "UniformPrize":
        """The same law for each place of `shape`."""
        return widen(self, shape)

    def mean(self) -> Float[Array, "..."]:
        """Expected value."""
        return 0.5 * (self.low + self.high)

    def variance(self) -> Float[Array, "..."]:
        """Variance."""
        return (self.high - self.low) ** 2 / 12

    def excess(self, k: Threshold) -> Float[Array, "..."]:
        """Expected excess over `k`."""
        over = jnp.maximum(self.high - jnp.maximum(k, self.low), 0)
        return 0.5 * over**2 / (self.high - self.low) + jnp.maximum(self.low - k, 0)

    def tail(self, k: Threshold) -> Float[Array, "..."]:
        """Probability of more than `k`."""
        return jnp.clip((self.high - k) / (self.high - self.low), 0, 1)

    def reservation(self, price: Float[Array, "..."]) -> Float[Array, "..."]:
        """The root of `excess(k) = price`."""
        width = self.high - self.low
        inside = price <= 0.5 * width
        area = jnp.where(inside & (price > 0), 2 * price * width, 1)
        return jnp.where(inside, self.high - jnp.where(price > 0, jnp.sqrt(area), price), self.mean() - price)

    def sample(self, key: Key) -> Float[Array, "..."]:
        """One draw of each."""
        return self.low + (self.high - self.low) * jax.random.uniform(key, self.shape, self.low.dtype)


@record
class ExponentialPrize:
    r"""`low` plus an exponential with mean `scale`: :math:`\kappa = l + s\ln(s/c)`, or :math:`l + s - c` beyond."""

    events = 0

    scale: Numbers = leaf(default=1.0, converter=floats)
    low: Numbers = leaf(default=0.0, converter=floats)

    def __check__(self) -> None:
        positive("ExponentialPrize scale", self.scale)
        finite("ExponentialPrize low", self.low)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the laws held."""
        return batch(self)

    def spread(self, shape: tuple[int, ...]) -> "ExponentialPrize":
        """The same law for each place of `shape`."""
        return widen(self, shape)

    def mean(self) -> Float[Array, "..."]:
        """Expected value."""
        return self.low + self.scale

    def variance(self) -> Float[Array, "..."]:
        """Variance."""
        return self.scale**2 + 0 * self.low

    def excess(self, k: Threshold) -> Float[Array, "..."]:
        """Expected excess over `k`."""
        z = (k - self.low) / self.scale
        return self.scale * (jnp.exp(-jnp.maximum(z, 0)) + jnp.maximum(-z, 0))

    def tail(self, k: Threshold) -> Float[Array, "..."]:
        """Probability of more than `k`."""
        return jnp.exp(-jnp.maximum((k - self.low) / self.scale, 0))

    def reservation(self, price: Float[Array, "..."]) -> Float[Array, "..."]:
        """The root of `excess(k) = price`, infinite where the price is 0."""
        cheap = price <= self.scale
        ratio = jnp.where(cheap & (price > 0), jnp.log(self.scale) - jnp.log(jnp.where(price > 0, price, 1)), 0)
        upper = self.low + self.scale * jnp.where(price > 0, ratio, jnp.inf)
        return jnp.where(cheap, upper, self.mean() - price)

    def sample(self, key: Key) -> Float[Array, "..."]:
        """One draw of each."""
        return self.low + self.scale * jax.random.exponential(key, self.shape, self.scale.dtype)


@record
class GaussianPrize:
    r"""`N(loc, scale^2)`: :math:`\kappa = \mu + s\,k(c/s)`, k the root for the standard normal law.

    Works in :math:`\log(c/s)`, so no price is too small or too large, and costs a few exponentials: no loop. A scale
    of 0 is a prize that is known. Cite: xie2024cost.
    """

    events = 0

    loc: Numbers = leaf(default=0.0, converter=floats)
    scale: Numbers = leaf(default=1.0, converter=floats)

    def __check__(self) -> None:
        finite("GaussianPrize loc", self.loc)
        nonnegative("GaussianPrize scale", self.scale)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the laws held."""
        return batch(self)

    def spread(self, shape: tuple[int, ...]) -> "GaussianPrize":
        """The same law for each place of `shape`."""
        return widen(self, shape)

    def mean(self) -> Float[Array, "..."]:
        """Expected value."""
        return self.loc + 0 * self.scale

    def variance(self) -> Float[Array, "..."]:
        """Variance."""
        return self.scale**2 + 0 * self.loc

    def excess(self, k: Threshold) -> Float[Array, "..."]:
        """Expected excess over `k`."""
        return _spread_over(self.scale, self.loc - k, normal.excess, lambda gap: jnp.maximum(gap, 0), power=1)

    def log_excess(self, k: Threshold) -> Float[Array, "..."]:
        """Log of the expected excess over `k`, where the excess itself underflows."""
        some = self.scale > 0
        safe = jnp.where(some, self.scale, 1)
        above = self.loc > k
        sure = jnp.where(above, jnp.log(jnp.where(above, self.loc - k, 1)), -jnp.inf)
        return jnp.where(some, jnp.log(safe) + normal.log_excess((self.loc - k) / safe), sure)

    def tail(self, k: Threshold) -> Float[Array, "..."]:
        """Probability of more than `k`."""
        return _spread_over(self.scale, k - self.loc, normal.tail, lambda gap: (gap < 0).astype(gap.dtype), power=0)

    def reservation(self, price: Float[Array, "..."]) -> Float[Array, "..."]:
        """The root of `excess(k) = price`; infinite where the price is 0 and the scale is not."""
        some = self.scale > 0
        safe = jnp.where(some, self.scale, 1)
        paid = price > 0
        log_price = jnp.where(paid, jnp.log(jnp.where(paid, price, 1)), -jnp.inf) - jnp.log(safe)
        part = safe * normal.excess_root(log_price)
        over = jnp.where(log_price <= normal.LOG_HALFWAY, part, part - price)
        return self.loc + jnp.where(some, over, -price)

    def sample(self, key: Key) -> Float[Array, "..."]:
        """One draw of each."""
        return self.loc + self.scale * jax.random.normal(key, self.shape, self.loc.dtype)


def _spread_over(scale: Array, gap: Array, fn: object, sure: object, *, power: int) -> Array:
    """`scale ** power * fn(gap / scale)`, and `sure(gap)` where the scale is 0."""
    some = scale > 0
    safe = jnp.where(some, scale, 1)
    return jnp.where(some, safe**power * fn(gap / safe), sure(gap))  # type: ignore[operator]
