"""Prizes with finitely many values."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core import Key, leaf, record
from altheory.core.check import finite, nonnegative, within
from altheory.scores.prizes.common import Numbers, Threshold, batch, floats, widen


@record
class DiscretePrize:
    r"""Values `values [..., atoms]` with probabilities `probs [..., atoms]`.

    :math:`\kappa = \max_i (S_i - c)/P_i` over the i largest values, :math:`S_i, P_i` their weighted sum and their mass.
    Raises `ValueError` where the probabilities are negative or do not add up to 1. Cite: weitzman1979optimal.
    """

    events = 1

    values: Numbers = leaf(converter=floats)
    probs: Numbers = leaf(converter=floats)

    def __check__(self) -> None:
        finite("DiscretePrize values", self.values)
        nonnegative("DiscretePrize probs", self.probs)
        if self.values.ndim < 1 or self.values.shape[-1:] != self.probs.shape[-1:]:
            raise ValueError(
                f"DiscretePrize needs a probability for each value; values are {self.values.shape} and probs "
                f"{self.probs.shape}"
            )
        total = np.asarray(self.probs, np.float64).sum(-1)
        if (np.abs(total - 1) > 1e-5).any():
            worst = total.ravel()[np.argmax(np.abs(total - 1))]
            raise ValueError(f"DiscretePrize probs must add up to 1; some add up to {worst:g}")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the laws held."""
        return batch(self)

    def spread(self, shape: tuple[int, ...]) -> "DiscretePrize":
        """The same law for each place of `shape`."""
        return widen(self, shape)

    def mean(self) -> Float[Array, "..."]:
        """Expected value."""
        return (self.probs * self.values).sum(-1)

    def variance(self) -> Float[Array, "..."]:
        """Variance."""
        return (self.probs * (self.values - self.mean()[..., None]) ** 2).sum(-1)

    def excess(self, k: Threshold) -> Float[Array, "..."]:
        """Expected excess over `k`."""
        return (self.probs * jnp.maximum(self.values - k[..., None], 0)).sum(-1)

    def tail(self, k: Threshold) -> Float[Array, "..."]:
        """Probability of more than `k`."""
        return jnp.where(self.values > k[..., None], self.probs, 0).sum(-1)

    def reservation(self, price: Float[Array, "..."]) -> Float[Array, "..."]:
        """The root of `excess(k) = price`; the largest value that has mass where the price is 0."""
        values, probs = jnp.broadcast_arrays(self.values, self.probs)
        return _largest_ratio(values, probs, price)

    def sample(self, key: Key) -> Float[Array, "..."]:
        """One draw of each."""
        values, total = jnp.broadcast_arrays(self.values, jnp.cumsum(self.probs, -1))
        u = jax.random.uniform(key, (*self.shape, 1), values.dtype) * total[..., -1:]
        return jnp.take_along_axis(values, jnp.argmax(total > u, -1)[..., None], -1)[..., 0]

    def atoms(self) -> tuple[Float[Array, "*shape atoms"], Float[Array, "*shape atoms"]]:
        """Values and probabilities."""
        values, probs = jnp.broadcast_arrays(self.values, self.probs)
        return values, probs


def _largest_ratio(values: Array, probs: Array, price: Array) -> Array:
    """max over i of (S_i - c)/P_i, measured from the largest value with mass so that no digits cancel."""
    has = probs > 0
    top = jnp.max(jnp.where(has, values, -jnp.inf), -1, keepdims=True)
    order = jnp.argsort(jnp.where(has, -values, jnp.inf), -1)
    values, probs = (jnp.take_along_axis(x, order, -1) for x in (values, probs))
    mass = jnp.cumsum(probs, -1)
    below = jnp.cumsum(probs * jnp.where(probs > 0, values - top, 0), -1)
    safe = jnp.where(mass > 0, mass, 1)
    ratio = jnp.where(mass > 0, (below - price[..., None]) / safe, -jnp.inf)
    return top[..., 0] + ratio.max(-1)


@record
class BernoulliPrize:
    """`high` with probability `prob`, else `low`: what a model, a prompt or a part is worth that works or does not."""

    events = 0

    prob: Numbers = leaf(converter=floats)
    high: Numbers = leaf(default=1.0, converter=floats)
    low: Numbers = leaf(default=0.0, converter=floats)

    def __check__(self) -> None:
        within("BernoulliPrize prob", self.prob, 0, 1)
        finite("BernoulliPrize high and low", (self.high, self.low))
        nonnegative("BernoulliPrize high minus low", self.high - self.low)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the laws held."""
        return batch(self)

    def spread(self, shape: tuple[int, ...]) -> "BernoulliPrize":
        """The same law for each place of `shape`."""
        return widen(self, shape)

    def mean(self) -> Float[Array, "..."]:
        """Expected value."""
        return self.low + self.prob * (self.high - self.low)

    def variance(self) -> Float[Array, "..."]:
        """Variance."""
        return self.prob * (1 - self.prob) * (self.high - self.low) ** 2

    def excess(self, k: Threshold) -> Float[Array, "..."]:
        """Expected excess over `k`."""
        return self.prob * jnp.maximum(self.high - k, 0) + (1 - self.prob) * jnp.maximum(self.low - k, 0)

    def tail(self, k: Threshold) -> Float[Array, "..."]:
        """Probability of more than `k`."""
        return jnp.where(k < self.low, jnp.ones_like(self.prob), jnp.where(k < self.high, self.prob, 0))

    def reservation(self, price: Float[Array, "..."]) -> Float[Array, "..."]:
        """`high - price / prob`, or the mean minus the price where that is more."""
        sure = self.mean() - price
        some = self.prob > 0
        return jnp.where(some, jnp.maximum(self.high - price / jnp.where(some, self.prob, 1), sure), sure)

    def sample(self, key: Key) -> Float[Array, "..."]:
        """One draw of each."""
        hit = jax.random.uniform(key, self.shape, self.prob.dtype) < self.prob
        return jnp.where(hit, self.high, self.low)

    def atoms(self) -> tuple[Float[Array, "*shape 2"], Float[Array, "*shape 2"]]:
        """Values and probabilities."""
        shape = self.shape
        values = [jnp.broadcast_to(x, shape) for x in (self.high, self.low)]
        probs = [jnp.broadcast_to(x, shape) for x in (self.prob, 1 - self.prob)]
        return jnp.stack(values, -1), jnp.stack(probs, -1)


@record
class SamplePrize:
    """Each of `samples [..., n]` with probability 1/n: a recorded or simulated law."""

    events = 1

    samples: Numbers = leaf(converter=floats)

    def __check__(self) -> None:
        finite("SamplePrize samples", self.samples)
        if self.samples.ndim < 1 or self.samples.shape[-1] == 0:
            raise ValueError(f"SamplePrize needs at least one sample of each prize; its shape is {self.samples.shape}")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the laws held."""
        return batch(self)

    def spread(self, shape: tuple[int, ...]) -> "SamplePrize":
        """The same law for each place of `shape`."""
        return widen(self, shape)

    def mean(self) -> Float[Array, "..."]:
        """Expected value."""
        return self.samples.mean(-1)

    def variance(self) -> Float[Array, "..."]:
        """Variance."""
        return self.samples.var(-1)

    def excess(self, k: Threshold) -> Float[Array, "..."]:
        """Expected excess over `k`."""
        return jnp.maximum(self.samples - k[..., None], 0).mean(-1)

    def tail(self, k: Threshold) -> Float[Array, "..."]:
        """Probability of more than `k`."""
        return (self.samples > k[..., None]).mean(-1, dtype=self.samples.dtype)

    def reservation(self, price: Float[Array, "..."]) -> Float[Array, "..."]:
        """The root of `excess(k) = price`; the largest sample where the price is 0."""
        return _largest_ratio(*self.atoms(), price)

    def sample(self, key: Key) -> Float[Array, "..."]:
        """One draw of each."""
        which = jax.random.randint(key, (*self.shape, 1), 0, self.samples.shape[-1])
        return jnp.take_along_axis(self.samples, which, -1)[..., 0]

    def atoms(self) -> tuple[Float[Array, "*shape n"], Float[Array, "*shape n"]]:
        """Values and probabilities."""
        return self.samples, jnp.full_like(self.samples, 1 / self.samples.shape[-1])
