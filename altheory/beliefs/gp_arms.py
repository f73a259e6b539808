"""A Gaussian process on a fixed pool, its items named by their index: any number of outcomes, exactly."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.beliefs.kernels import RBF, Kernel
from altheory.core import Key, Menu, Scalar, record
from altheory.core.check import matrix, positive
from altheory.core.numerics import dot, shrink_along
from altheory.core.record import is_traced


@record
class GPArms:
    r"""The joint Gaussian posterior :math:`N(\mu, \Sigma)` of the values of N arms; `menu.x` holds arm ids `[K]`.

    The covariance is held as a root, :math:`\Sigma = SS^\top`, updated by rank one; the mean is
    :math:`\Sigma\sum_s y_s e_{a_s}/\sigma_s^2`, where :math:`\sigma_s` is the row's `noise` where that is above 0, else
    the belief's own. `gain` is :math:`\log\det(I + \sigma^{-2}K)` of what was played, in nats. Update and memory:
    O(N^2), however many outcomes. Cite: rasmussen2006gaussian, potter1963statistical.
    """

    root: Float[Array, "arms arms"]
    moment: Float[Array, "arms"]
    gain: Float[Array, ""]
    noise: Float[Array, ""] | float = 1.0

    @property
    def arms(self) -> int:
        """The number of arms."""
        return self.moment.shape[-1]

    def update(self, row: Menu, y: Any) -> "GPArms":
        weight = jnp.where(row.open, jnp.where(row.noise > 0, row.noise, self.noise) ** -2, 0).astype(self.root.dtype)
        u = self.root[row.x]
        return self.replace(  # type: ignore[attr-defined]
            root=shrink_along(self.root, u, weight),
            moment=self.moment.at[row.x].add(weight * jnp.asarray(y, self.moment.dtype)),
            gain=self.gain + jnp.log1p(weight * (u * u).sum()),
        )

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        return dot(self.root, dot(self.moment, self.root))[menu.x]

    def std(self, menu: Menu) -> Float[Array, "K"]:
        """Posterior standard deviation of an arm's value, without the noise of an outcome."""
        return jnp.linalg.norm(self.root, axis=-1)[menu.x]

    def cov(self, menu: Menu) -> Float[Array, "K K"]:
        """Posterior covariance of the arms' values."""
        rows = self.root[menu.x]
        return dot(rows, rows.T)

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        """The arms' values under one posterior draw, jointly."""
        z = jax.random.normal(key, self.moment.shape, self.moment.dtype)
        return dot(self.root, dot(self.moment, self.root) + z)[menu.x]

    def radius(self, delta: Scalar, bound: Scalar) -> Float[Array, ""]:
        r"""How many `std` wide an interval must be to hold at all times with probability :math:`1-\delta`.

        As `GP.radius`, for `bound` on the norm of the arms' values in the kernel's space. Cite: abbasi2012online.
        """
        return jnp.sqrt(2 * jnp.log(1 / jnp.asarray(delta)) + self.gain) + bound


def gp_arms(x: Any, *, kernel: Kernel | None = None, noise: Scalar = 1.0) -> GPArms:
    """A process whose arms are the rows of `x` `[N, d]`: `kernel` (`RBF()` where None), outcome sd `noise`.

    O(N^3) once, in double precision unless traced. Raises `ValueError` where `x` is no finite matrix, or the noise is
    not above 0.
    """
    matrix("gp_arms x", x)
    positive("gp_arms noise", noise)
    x = jnp.asarray(x, jnp.result_type(float))
    kernel = RBF() if kernel is None else kernel
    root = _root(kernel(x, x))
    return GPArms(root, jnp.zeros(x.shape[0], root.dtype), jnp.zeros((), root.dtype), noise)


def _root(covariance: Float[Array, "N N"]) -> Float[Array, "N N"]:
    """A root by eigenvalues: a smooth kernel's matrix is singular in floating point, which Cholesky factors refuse."""
    if is_traced(covariance):
        values, vectors = jnp.linalg.eigh(covariance)
        return vectors * jnp.sqrt(jnp.maximum(values, 0))
    values, vectors = np.linalg.eigh(np.asarray(covariance, np.float64))
    return jnp.asarray(vectors * np.sqrt(np.maximum(values, 0)), covariance.dtype)
