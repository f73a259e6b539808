"""Bernoulli arms under independent Beta priors."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.beliefs.counts import _one_hot, ordered
from altheory.core import Key, Menu, Scalar, record
from altheory.core.check import at_least, positive
from altheory.core.random import beta

NEWTON_STEPS = 8


@record
class BetaBernoulli:
    r"""Posterior :math:`\mathrm{Beta}(a_k, b_k)` of each arm: a reward `y` in [0, 1] adds `y` to a and `1-y` to b.

    Rewards in [`low`, `high`] are brought to [0, 1] first, and what is said of an arm's mean is back in their units. A
    reward outside the range is taken for the nearest end, and the run is flagged. `prior` is a + b before any reward.
    """

    a: Float[Array, "arms"]
    b: Float[Array, "arms"]
    prior: Float[Array, ""] | float = 2.0
    low: Float[Array, ""] | float = 0.0
    high: Float[Array, ""] | float = 1.0

    def update(self, row: Menu, y: Any) -> "BetaBernoulli":
        hit = _one_hot(row, self.a)
        y = jnp.clip((jnp.asarray(y, self.a.dtype) - self.low) / (jnp.asarray(self.high) - self.low), 0, 1)
        return self.replace(a=self.a + hit * y, b=self.b + hit * (1 - y))  # type: ignore[attr-defined]

    @property
    def arms(self) -> int:
        """The number of arms."""
        return self.a.shape[-1]

    def count(self, menu: Menu) -> Float[Array, "K"]:
        return (self.a + self.b)[menu.x] - self.prior

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        a, b = self.a[menu.x], self.b[menu.x]
        return self._units(a / (a + b))

    def std(self, menu: Menu) -> Float[Array, "K"]:
        a, b = self.a[menu.x], self.b[menu.x]
        return (jnp.asarray(self.high) - self.low) * jnp.sqrt(a * b / (a + b + 1)) / (a + b)

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        return self._units(beta(key, self.a, self.b)[menu.x])

    def upper(self, menu: Menu, tail: Float[Array, ""]) -> Float[Array, "K"]:
        """What an arm's mean exceeds with posterior probability `tail`."""
        return self._units(1 - beta_quantile(self.b, self.a, tail)[menu.x])

    def probs(self, menu: Menu) -> Float[Array, "K 2"]:
        p = self.a[menu.x] / (self.a + self.b)[menu.x]
        return jnp.stack([1 - p, p], -1)

    def predictive(self, menu: Menu, key: Key, draws: int) -> Float[Array, "draws K 2"]:
        shape = (draws, self.a.shape[0])
        p = beta(key, jnp.broadcast_to(self.a, shape), jnp.broadcast_to(self.b, shape))[:, menu.x]
        return jnp.stack([1 - p, p], -1)

    def _units(self, p: Array) -> Array:
        return self.low + (jnp.asarray(self.high) - self.low) * p


def beta_quantile(a: Float[Array, "arms"], b: Float[Array, "arms"], level: Float[Array, ""]) -> Float[Array, "arms"]:
    r"""x with :math:`I_x(a, b)` = `level`, by Newton's steps for :math:`\log I` in the logit of x.

    That function is concave: from the left of the root every step stays there. A step to the left, where the start was
    too far to the right, is at most two standard deviations long. Where :math:`I` underflows, its leading term stands
    in. Levels above 1/2 are those of 1 - x.
    """
    level = jnp.asarray(level, a.dtype)
    upper = level > 0.5
    a, b = jnp.where(upper, b, a), jnp.where(upper, a, b)
    level = jnp.maximum(jnp.where(upper, 1 - level, level), jnp.finfo(a.dtype).tiny)
    norm = jax.scipy.special.betaln(a, b)
    spread = jnp.sqrt((1 + 0.5 / a) / a + (1 + 0.5 / b) / b)

    def step(_: int, z: Array) -> Array:
        x = jax.nn.sigmoid(z)
        mass = jax.scipy.special.betainc(a, b, x)
        log_density = -a * jax.nn.softplus(-z) - b * jax.nn.softplus(z) - norm
        lost = mass < 1e-35
        log_mass = jnp.where(lost, log_density - jnp.log(a), jnp.log(jnp.where(lost, 1, mass)))
        slope = jnp.where(lost, a * (1 - x) - b * x, jnp.exp(log_density - log_mass))
        move = (jnp.log(level) - log_mass) / jnp.maximum(slope, 1e-30)
        return z + jnp.maximum(move, -2 * spread)

    start = jnp.log(a) - jnp.log(b) + (jax.scipy.special.ndtri(level) - 0.5) * spread
    x = jax.nn.sigmoid(jax.lax.fori_loop(0, NEWTON_STEPS, step, start))
    return jnp.where(upper, 1 - x, x)


def beta_bernoulli(
    arms: int, *, a: Scalar = 1.0, b: Scalar = 1.0, low: Scalar = 0.0, high: Scalar = 1.0
) -> BetaBernoulli:
    """`arms` arms under a Beta(a, b) prior each (uniform by default), for rewards in [`low`, `high`]."""
    at_least("beta_bernoulli arms", arms, 1)
    positive("beta_bernoulli a", a)
    positive("beta_bernoulli b", b)
    ordered("beta_bernoulli", low, high)
    return BetaBernoulli(jnp.full(arms, a, jnp.float32), jnp.full(arms, b, jnp.float32), a + b, low, high)
