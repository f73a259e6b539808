"""Bayesian linear regression, one observation at a time."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from altheory.core import Key, Menu, Scalar, features, per_item, record
from altheory.core.check import at_least, positive
from altheory.core.numerics import dot, polish_root, shrink_root

REFRESH = 64
"""Rank-one updates between two corrections of what float32 drifted by."""


@record
class Linear:
    r"""Gaussian posterior over :math:`\theta` in :math:`y = x^\top\theta + N(0, \sigma^2)`.

    Precision :math:`P = \lambda I + \sum_s x_s x_s^\top/\sigma_s^2`, mean :math:`P^{-1}\sum_s y_s x_s/\sigma_s^2`,
    where :math:`\sigma_s` is the row's `noise` where that is above 0, else the belief's own. The covariance is held
    as a root, :math:`P^{-1} = SS^\top`, updated by rank one and corrected against P every 64 rounds. `gain` is
    :math:`\log\det P - \log\det\lambda I`, in nats. Update and memory: O(d^2). Cite: potter1963statistical.
    """

    precision: Float[Array, "d d"]
    root: Float[Array, "d d"]
    moment: Float[Array, "d"]
    gain: Float[Array, ""]
    rounds: Int[Array, ""]
    noise: Float[Array, ""] | float = 1.0
    prior: Float[Array, ""] | float = 1.0

    @property
    def dim(self) -> int:
        """The number of features."""
        return self.moment.shape[-1]

    def update(self, row: Menu, y: Any) -> "Linear":
        x = features(row.x)
        weight = jnp.where(row.open, jnp.where(row.noise > 0, row.noise, self.noise) ** -2, 0)
        precision = self.precision + weight * jnp.outer(x, x)
        root, spread = shrink_root(self.root, x, weight)
        root = jax.lax.cond(self.rounds % REFRESH == REFRESH - 1, lambda: polish_root(root, precision), lambda: root)
        return self.replace(  # type: ignore[attr-defined]
            precision=precision,
            root=root,
            moment=self.moment + weight * jnp.asarray(y, x.dtype) * x,
            gain=self.gain + jnp.log1p(weight * spread),
            rounds=self.rounds + 1,
        )

    @property
    def point(self) -> Float[Array, "d"]:
        r"""The posterior mean :math:`\hat\theta` (the ridge estimate)."""
        return dot(self.root, dot(self.moment, self.root))

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        return per_item(lambda x: dot(x, self.point), menu.x)

    def std(self, menu: Menu) -> Float[Array, "K"]:
        r"""Posterior standard deviation of the mean outcome, :math:`\sqrt{x^\top P^{-1}x}`."""
        return per_item(lambda x: jnp.linalg.norm(dot(x, self.root), axis=-1), menu.x)

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        r"""The mean outcomes under one :math:`\theta \sim N(\hat\theta, P^{-1})`, jointly for all items."""
        z = jax.random.normal(key, self.moment.shape, self.moment.dtype)
        theta = self.point + dot(self.root, z)
        return per_item(lambda x: dot(x, theta), menu.x)

    def radius(self, delta: Float[Array, ""] | float, bound: Float[Array, ""] | float) -> Float[Array, ""]:
        r"""How many `std` wide an interval must be to hold at all times with probability :math:`1-\delta`.

        :math:`\sqrt{2\log(1/\delta) + \log\det P/\lambda^d} + \sqrt\lambda\,S` for :math:`\|\theta\| \le S` = `bound`.
        Cite: abbasi2011improved.
        """
        return jnp.sqrt(2 * jnp.log(1 / jnp.asarray(delta)) + self.gain) + jnp.sqrt(jnp.asarray(self.prior)) * bound


def linear(dim: int, *, prior: Scalar = 1.0, noise: Scalar = 1.0) -> Linear:
    """A linear belief in `dim` features: prior precision `prior` (times the identity) and outcome sd `noise`."""
    at_least("linear dim", dim, 1)
    positive("linear prior", prior)
    positive("linear noise", noise)
    eye = jnp.eye(dim)
    return Linear(prior * eye, eye / prior**0.5, jnp.zeros(dim), jnp.zeros(()), jnp.zeros((), jnp.int32), noise, prior)
