"""Bayesian linear regression, one observation at a time."""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from altheory.core import Key, Menu, features, per_item, record
from altheory.core.check import at_least, positive
from altheory.core.numerics import cho_solve, cholesky, dot, inverse_spd

REFRESH = 64
"""Rank-one updates between two fresh inverses: float32 inverses drift by about 1e-4 in 200."""


@record
class Linear:
    r"""Gaussian posterior over :math:`\theta` in :math:`y = x^\top\theta + \epsilon`, :math:`\epsilon \sim N(0, \sigma^2)`.

    :math:`P = \lambda I + \sum_s x_s x_s^\top/\sigma_s^2` and :math:`\hat\theta = P^{-1}\sum_s y_s x_s/\sigma_s^2`, where
    :math:`\sigma_s` is the row's `noise` where that is above 0, else the belief's own. The covariance follows by
    Sherman-Morrison and is inverted afresh every 64 rounds. `gain` is :math:`\log\det P - \log\det\lambda I`, in nats.
    """

    precision: Float[Array, "d d"]
    covariance: Float[Array, "d d"]
    moment: Float[Array, "d"]
    gain: Float[Array, ""]
    rounds: Int[Array, ""]
    noise: Float[Array, ""] | float = 1.0
    prior: Float[Array, ""] | float = 1.0

    @property
    def dim(self) -> int:
        """The number of features."""
        return self.moment.shape[-1]

    def update(self, row: Menu, y: Any) -> Self:
        x = features(row.x)
        weight = row.open / jnp.where(row.noise > 0, row.noise, self.noise) ** 2
        cx = dot(self.covariance, x)
        spread = weight * dot(x, cx)
        precision = self.precision + weight * jnp.outer(x, x)
        covariance = jax.lax.cond(
            self.rounds % REFRESH == REFRESH - 1,
            lambda: inverse_spd(precision),
            lambda: self.covariance - weight / (1 + spread) * jnp.outer(cx, cx),
        )
        return self.replace(  # type: ignore[attr-defined]
            precision=precision,
            covariance=covariance,
            moment=self.moment + weight * jnp.asarray(y, x.dtype) * x,
            gain=self.gain + jnp.log1p(spread),
            rounds=self.rounds + 1,
        )

    @property
    def point(self) -> Float[Array, "d"]:
        r"""The posterior mean :math:`\hat\theta` (the ridge estimate)."""
        return dot(self.covariance, self.moment)

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        return per_item(lambda x: dot(x, self.point), menu.x)

    def std(self, menu: Menu) -> Float[Array, "K"]:
        r"""Posterior standard deviation of the mean outcome, :math:`\sqrt{x^\top P^{-1}x}`."""
        return per_item(lambda x: jnp.sqrt(jnp.maximum((dot(x, self.covariance) * x).sum(-1), 0)), menu.x)

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        r"""The mean outcomes under one :math:`\theta \sim N(\hat\theta, P^{-1})`, jointly for all items."""
        z = jax.random.normal(key, self.moment.shape, self.moment.dtype)
        factor = cholesky(self.precision)
        theta = cho_solve(factor, (self.moment + dot(factor, z))[:, None])[:, 0]
        return per_item(lambda x: dot(x, theta), menu.x)

    def radius(self, delta: Float[Array, ""] | float, bound: Float[Array, ""] | float) -> Float[Array, ""]:
        r"""How many `std` wide an interval must be to hold at all times with probability :math:`1-\delta`.

        :math:`\sqrt{2\log(1/\delta) + \log\det P/\lambda^d} + \sqrt\lambda\,S` for :math:`\|\theta\| \le S` = `bound`.
        Cite: abbasi2011improved.
        """
        return jnp.sqrt(2 * jnp.log(1 / jnp.asarray(delta)) + self.gain) + jnp.sqrt(jnp.asarray(self.prior)) * bound


def linear(dim: int, *, prior: float = 1.0, noise: float = 1.0) -> Linear:
    """A linear belief in `dim` features: prior precision `prior` (times the identity) and outcome sd `noise`."""
    at_least("linear dim", dim, 1)
    positive("linear prior", prior)
    positive("linear noise", noise)
    eye = jnp.eye(dim)
    return Linear(prior * eye, eye / prior, jnp.zeros(dim), jnp.zeros(()), jnp.zeros((), jnp.int32), noise, prior)
