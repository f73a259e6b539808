"""Arms with Gaussian rewards of known noise, under independent Gaussian priors."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.beliefs.counts import _one_hot
from altheory.core import Key, Menu, Scalar, record
from altheory.core.check import at_least, finite, positive


@record
class GaussianArms:
    r"""Posterior :math:`N(m_k/P_k, 1/P_k)` of each arm's mean: a reward adds :math:`1/\sigma^2` to the precision P.

    :math:`\sigma` is the row's `noise` where that is above 0, else the belief's own. Cite: russo2018tutorial.
    """

    precision: Float[Array, "arms"]
    moment: Float[Array, "arms"]
    plays: Float[Array, "arms"]
    noise: Float[Array, ""] | float = 1.0

    def update(self, row: Menu, y: Any) -> "GaussianArms":
        hit = _one_hot(row, self.precision)
        weight = hit * jnp.where(row.noise > 0, row.noise, self.noise) ** -2
        moment = self.moment + weight * jnp.asarray(y, self.moment.dtype)
        return self.replace(precision=self.precision + weight, moment=moment, plays=self.plays + hit)  # type: ignore[attr-defined]

    @property
    def arms(self) -> int:
        """The number of arms."""
        return self.precision.shape[-1]

    def count(self, menu: Menu) -> Float[Array, "K"]:
        return self.plays[menu.x]

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        return (self.moment / self.precision)[menu.x]

    def std(self, menu: Menu) -> Float[Array, "K"]:
        return (self.precision**-0.5)[menu.x]

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        z = jax.random.normal(key, self.precision.shape, self.precision.dtype)
        return ((self.moment + jnp.sqrt(self.precision) * z) / self.precision)[menu.x]

    def upper(self, menu: Menu, tail: Float[Array, ""]) -> Float[Array, "K"]:
        """What an arm's mean exceeds with posterior probability `tail`."""
        return self.mean(menu) - jax.scipy.special.ndtri(jnp.asarray(tail)) * self.std(menu)


def gaussian_arms(arms: int, *, mean: Scalar = 0.0, prior: Scalar = 1.0, noise: Scalar = 1.0) -> GaussianArms:
    """`arms` arms whose means are a priori N(`mean`, 1/`prior`), and rewards of standard deviation `noise`."""
    at_least("gaussian_arms arms", arms, 1)
    finite("gaussian_arms mean", mean)
    positive("gaussian_arms prior", prior)
    positive("gaussian_arms noise", noise)
    precision = prior * jnp.ones(arms)
    return GaussianArms(precision, mean * precision, jnp.zeros(arms), noise)
