"""Prizes whose reservation value is found by iteration."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import betainc, gammaln, ndtr
from jaxtyping import Array, Float

from altheory.core import Key, leaf, record
from altheory.core.check import finite, nonnegative, positive
from altheory.core.random import beta
from altheory.scores.prizes import normal
from altheory.scores.prizes.common import Numbers, Threshold, batch, climb, floats, root, solved, widen


@record
class LogNormalPrize:
    """`exp(N(loc, scale^2))`."""

    events = 0

    loc: Numbers = leaf(default=0.0, converter=floats)
    scale: Numbers = leaf(default=1.0, converter=floats)

    def __check__(self) -> None:
        finite("LogNormalPrize loc", self.loc)
        positive("LogNormalPrize scale", self.scale)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the laws held."""
        return batch(self)

    def spread(self, shape: tuple[int, ...]) -> "LogNormalPrize":
        """The same law for each place of `shape`."""
        return widen(self, shape)

    def mean(self) -> Float[Array, "..."]:
        """Expected value."""
        return jnp.exp(self.loc + 0.5 * self.scale**2)

    def variance(self) -> Float[Array, "..."]:
        """Variance."""
        return jnp.expm1(self.scale**2) * self.mean() ** 2

    def excess(self, k: Threshold) -> Float[Array, "..."]:
        """Expected excess over `k`: Black and Scholes' formula, by Mills' ratios in the tail to keep digits."""
        some = k > 0
        log_k = jnp.log(jnp.where(some, k, 1))
        w = (log_k - self.loc) / self.scale
        near = w - self.scale
        far = jnp.exp(log_k + normal.log_density(w)) * (normal.mills(jnp.maximum(near, 0)) - normal.mills(jnp.abs(w)))
        plain = self.mean() * ndtr(-near) - k * ndtr(-w)
        return jnp.where(some, jnp.where(near > 0, far, plain), self.mean() - k)

    def tail(self, k: Threshold) -> Float[Array, "..."]:
        """Probability of more than `k`."""
        some = k > 0
        return jnp.where(some, normal.tail((jnp.log(jnp.where(some, k, 1)) - self.loc) / self.scale), 1)

    def reservation(self, price: Float[Array, "..."]) -> Float[Array, "..."]:
        """The root of `excess(k) = price`, infinite where the price is 0."""
        return solved(self, price)

    def solve(self, price: Float[Array, "..."]) -> Float[Array, "..."]:
        """The root, by iteration in log k."""
        least = self.mean() - price
        cheap = (least > 0) & (price > 0)
        low = jnp.log(jnp.where(cheap, least, 1))
        c = jnp.where(cheap, price, self.excess(jnp.exp(low)))

        def slope(x: Array) -> Array:
            return jnp.exp(x) * self.tail(jnp.exp(x))

        low, high = climb(lambda x: self.excess(jnp.exp(x)), c, low, self.scale)
        k = jnp.exp(root(lambda x: self.excess(jnp.exp(x)), slope, c, low, high))
        return jnp.where(cheap, k, jnp.where(price > 0, least, jnp.inf))

    def sample(self, key: Key) -> Float[Array, "..."]:
        """One draw of each."""
        return jnp.exp(self.loc + self.scale * jax.random.normal(key, self.shape, self.loc.dtype))


@record
class BetaPrize:
    """`low + (high - low) Beta(a, b)`: an unknown accuracy. Not differentiable in a and b."""

    events = 0

    a: Numbers = leaf(default=1.0, converter=floats)
    b: Numbers = leaf(default=1.0, converter=floats)
    low: Numbers = leaf(default=0.0, converter=floats)
    high: Numbers = leaf(default=1.0, converter=floats)

    def __check__(self) -> None:
        positive("BetaPrize a", self.a)
        positive("BetaPrize b", self.b)
        finite("BetaPrize low and high", (self.low, self.high))
        positive("BetaPrize high minus low", self.high - self.low)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the laws held."""
        return batch(self)

    def spread(self, shape: tuple[int, ...]) -> "BetaPrize":
        """The same law for each place of `shape`."""
        return widen(self, shape)

    def mean(self) -> Float[Array, "..."]:
        """Expected value."""
        return self.low + (self.high - self.low) * self.a / (self.a + self.b)

    def variance(self) -> Float[Array, "..."]:
        """Variance."""
        n = self.a + self.b
        return (self.high - self.low) ** 2 * self.a * self.b / (n**2 * (n + 1))

    def excess(self, k: Threshold) -> Float[Array, "..."]:
        """Expected excess over `k`."""
        width = self.high - self.low
        k = (k - self.low) / width
        inside = jnp.clip(k, 0, 1)
        share = self.a / (self.a + self.b) * _upper(self.a + 1, self.b, inside)
        over = jnp.maximum(share - inside * _upper(self.a, self.b, inside), 0)
        return width * (over + jnp.maximum(-k, 0))

    def tail(self, k: Threshold) -> Float[Array, "..."]:
        """Probability of more than `k`."""
        return _upper(self.a, self.b, jnp.clip((k - self.low) / (self.high - self.low), 0, 1))

    def reservation(self, price: Float[Array, "..."]) -> Float[Array, "..."]:
        """The root of `excess(k) = price`, `high` where the price is 0."""
        return solved(self, price)

    def solve(self, price: Float[Array, "..."]) -> Float[Array, "..."]:
        """The root, by iteration between `low` and `high`."""
        least = self.mean() - price
        inner = (least > self.low) & (price > 0)
        low = jnp.where(inner, least, self.low)
        c = jnp.where(inner, price, self.mean() - self.low)
        k = root(self.excess, self.tail, c, low, jnp.where(inner, self.high, self.low))
        return jnp.where(inner, k, jnp.where(price > 0, least, self.high))

    def sample(self, key: Key) -> Float[Array, "..."]:
        """One draw of each."""
        a, b = jnp.broadcast_arrays(self.a, self.b)
        return self.low + (self.high - self.low) * beta(key, a, b)


@record
class StudentPrize:
    """`loc + scale t` with `df > 1` degrees of freedom: heavy tails. Not differentiable in `df`."""

    events = 0

    df: Numbers = leaf(converter=floats)
    loc: Numbers = leaf(default=0.0, converter=floats)
    scale: Numbers = leaf(default=1.0, converter=floats)

    def __check__(self) -> None:
        positive("StudentPrize df minus 1 (with less there is no mean)", self.df - 1)
        finite("StudentPrize loc", self.loc)
        positive("StudentPrize scale", self.scale)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the laws held."""
        return batch(self)

    def spread(self, shape: tuple[int, ...]) -> "StudentPrize":
        """The same law for each place of `shape`."""
        return widen(self, shape)

    def mean(self) -> Float[Array, "..."]:
        """Expected value."""
        return self.loc + 0 * self.scale * self.df

    def variance(self) -> Float[Array, "..."]:
        """Variance, infinite with at most 2 degrees of freedom."""
        finite_ = self.df > 2
        return self.scale**2 * jnp.where(finite_, self.df / jnp.where(finite_, self.df - 2, 1), jnp.inf)

    def excess(self, k: Threshold) -> Float[Array, "..."]:
        """Expected excess over `k`."""
        z = (k - self.loc) / self.scale
        w = jnp.abs(z)
        density = jnp.exp(
            gammaln((self.df + 1) / 2) - gammaln(self.df / 2) - 0.5 * jnp.log(self.df * jnp.pi)
            - (self.df + 1) / 2 * jnp.log1p(w**2 / self.df)
        )  # fmt: skip
        over = density * (self.df + w**2) / (self.df - 1) - w * self._upper_tail(w)
        return self.scale * (jnp.maximum(over, 0) + jnp.maximum(-z, 0))

    def tail(self, k: Threshold) -> Float[Array, "..."]:
        """Probability of more than `k`."""
        z = (k - self.loc) / self.scale
        small = self._upper_tail(jnp.abs(z))
        return jnp.where(z > 0, small, 1 - small)

    def _upper_tail(self, w: Array) -> Array:
        one = jnp.ones_like(w * self.df)
        x = self.df / (self.df + w**2)
        return jnp.where(w > 0, 0.5 * _lower(self.df / 2 * one, 0.5 * one, x), 0.5)

    def reservation(self, price: Float[Array, "..."]) -> Float[Array, "..."]:
        """The root of `excess(k) = price`, infinite where the price is 0."""
        return solved(self, price)

    def solve(self, price: Float[Array, "..."]) -> Float[Array, "..."]:
        """The root, by iteration from a bracket that doubles."""
        paid = (price > 0) & (price < jnp.inf)
        c = jnp.where(paid, price, self.scale)
        low, high = climb(self.excess, c, self.mean() - c, self.scale + 0 * self.df)
        return jnp.where(paid, root(self.excess, self.tail, c, low, high), jnp.where(price > 0, -price, jnp.inf))

    def sample(self, key: Key) -> Float[Array, "..."]:
        """One draw of each."""
        return self.loc + self.scale * jax.random.t(key, self.df, self.shape, self.loc.dtype)


@jax.custom_jvp
def _lower(a: Array, b: Array, x: Array) -> Array:
    """Regularised incomplete beta function I_x(a, b)."""
    return betainc(a, b, x)


def _lower_slope(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Array, Any]:
    a, b, x = primals
    if not all(isinstance(t, jax.custom_derivatives.SymbolicZero) for t in tangents[:2]):
        raise TypeError(
            "the reservation value of a BetaPrize or StudentPrize has no derivative in its shape (a, b, df): hold the "
            "shape fixed, and differentiate in price, location or scale"
        )
    density = jnp.exp((a - 1) * jnp.log(x) + (b - 1) * jnp.log1p(-x) - gammaln(a) - gammaln(b) + gammaln(a + b))
    dx = tangents[2]
    return _lower(a, b, x), (jnp.zeros_like(x) if isinstance(dx, jax.custom_derivatives.SymbolicZero) else density * dx)


_lower.defjvp(_lower_slope, symbolic_zeros=True)


def _upper(a: Array, b: Array, x: Array) -> Array:
    """1 - I_x(a, b), to relative precision near 1."""
    a, b, x = jnp.broadcast_arrays(a, b, x)
    return _lower(b, a, 1 - x)


@record
class MixturePrize:
    r"""The law of `parts[j]` with probability `weights[..., j]`: the parts may be of any kind.

    The root lies between the least and the largest reservation value of the parts.
    """

    events = 1

    weights: Numbers = leaf(converter=floats)
    parts: tuple[Any, ...]

    def __check__(self) -> None:
        nonnegative("MixturePrize weights", self.weights)
        if self.weights.ndim < 1 or self.weights.shape[-1] != len(self.parts):
            raise ValueError(
                f"MixturePrize needs a weight for each of its {len(self.parts)} parts; the weights are of shape "
                f"{self.weights.shape}"
            )
        if (jnp.abs(self.weights.sum(-1) - 1) > 1e-5).any():
            raise ValueError(f"MixturePrize weights must add up to 1; they are {self.weights}")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the laws held."""
        return jnp.broadcast_shapes(self.weights.shape[:-1], *(p.shape for p in self.parts))

    def _mixed(self, each: list[Array]) -> Array:
        return sum((self.weights[..., j] * x for j, x in enumerate(each)), start=jnp.zeros((), self.weights.dtype))

    def spread(self, shape: tuple[int, ...]) -> "MixturePrize":
        """The same law for each place of `shape`."""
        weights = jnp.broadcast_to(self.weights, (*shape, self.weights.shape[-1]))
        return MixturePrize(weights, tuple(p.spread(shape) for p in self.parts))

    def mean(self) -> Float[Array, "..."]:
        """Expected value."""
        return self._mixed([p.mean() for p in self.parts])

    def variance(self) -> Float[Array, "..."]:
        """Variance."""
        mean = self.mean()
        return self._mixed([p.variance() + (p.mean() - mean) ** 2 for p in self.parts])

    def excess(self, k: Threshold) -> Float[Array, "..."]:
        """Expected excess over `k`."""
        return self._mixed([p.excess(k) for p in self.parts])

    def tail(self, k: Threshold) -> Float[Array, "..."]:
        """Probability of more than `k`."""
        return self._mixed([p.tail(k) for p in self.parts])

    def reservation(self, price: Float[Array, "..."]) -> Float[Array, "..."]:
        """The root of `excess(k) = price`."""
        return solved(self, price)

    def solve(self, price: Float[Array, "..."]) -> Float[Array, "..."]:
        """The root, by iteration between those of the parts that have weight."""
        each = jnp.stack(jnp.broadcast_arrays(*(p.reservation(price) for p in self.parts)), -1)
        used = jnp.broadcast_to(self.weights > 0, each.shape)
        low, high = jnp.where(used, each, jnp.inf).min(-1), jnp.where(used, each, -jnp.inf).max(-1)
        stuck = (price <= 0) | jnp.isinf(high)
        low, high = jnp.where(stuck, high, low), high
        finite_low, finite_high = (jnp.where(stuck, 0, x) for x in (low, high))
        c = jnp.where(stuck, jnp.ones_like(price), price)
        k = root(self.excess, self.tail, c, finite_low, finite_high)
        return jnp.where(stuck, high, jnp.clip(k, low, high))

    def sample(self, key: Key) -> Float[Array, "..."]:
        """One draw of each."""
        which, *keys = jax.random.split(key, len(self.parts) + 1)
        total = jnp.cumsum(self.weights, -1)
        u = jax.random.uniform(which, (*self.shape, 1), total.dtype) * total[..., -1:]
        pick = jnp.argmax(total > u, -1)
        drawn = [p.spread(self.shape).sample(k) for p, k in zip(self.parts, keys, strict=True)]
        return jnp.select([pick == j for j in range(len(drawn))], drawn)
