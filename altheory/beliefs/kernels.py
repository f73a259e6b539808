"""Covariance functions of Gaussian processes: records whose numbers are leaves.

A kernel is called on features, `k(a [n, d], b [m, d]) -> [n, m]`; `diag(a) -> [n]` is its variance.
`basis(a, key, size)` returns random features `[n, r]` with :math:`E[\\phi(a)\\phi(b)^\\top] = k(a, b)`, the same
functions for equal keys: draws of the process are made of them. Any record with these three is a kernel.
"""

from typing import Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Key, record, static
from altheory.core.check import nonnegative, positive
from altheory.core.numerics import dot

Length = float | Float[Array, ""] | Float[Array, "d"]


class Kernel(Protocol):
    """What a Gaussian process asks of its kernel."""

    def __call__(self, a: Float[Array, "n d"], b: Float[Array, "m d"]) -> Float[Array, "n m"]: ...
    def diag(self, a: Float[Array, "n d"]) -> Float[Array, "n"]: ...
    def basis(self, a: Float[Array, "n d"], key: Key, size: int) -> Float[Array, "n r"]: ...


@record
class RBF:
    r"""The squared exponential kernel :math:`s\,\exp(-\tfrac12\|(a-b)/\ell\|^2)`: smooth functions.

    `length` is :math:`\ell`, one number or one for each feature, in the features' unit; `variance` is `s`. Raises
    `ValueError` where one of them is not above 0. Cite: rasmussen2006gaussian.
    """

    length: Length = 1.0
    variance: float | Float[Array, ""] = 1.0

    def __check__(self) -> None:
        positive("RBF length", self.length)
        positive("RBF variance", self.variance)

    def __call__(self, a: Float[Array, "n d"], b: Float[Array, "m d"]) -> Float[Array, "n m"]:
        return self.variance * jnp.exp(-0.5 * _squared_distance(a / self.length, b / self.length))

    def diag(self, a: Float[Array, "n d"]) -> Float[Array, "n"]:
        return jnp.full(a.shape[0], self.variance, a.dtype)

    def basis(self, a: Float[Array, "n d"], key: Key, size: int) -> Float[Array, "n r"]:
        """Cosines and sines of `size` Gaussian frequencies. Cite: rahimi2007random."""
        return _waves(a / self.length, jax.random.normal(key, (size, a.shape[1]), a.dtype), self.variance)


@record
class Matern:
    r"""The Matérn kernel of smoothness :math:`\nu`, at :math:`r = \|(a-b)/\ell\|` and variance `s`.

    :math:`s\,e^{-r}` for `nu` 0.5, :math:`s(1+\sqrt3r)e^{-\sqrt3r}` for 1.5, and
    :math:`s(1+\sqrt5r+\tfrac53r^2)e^{-\sqrt5r}` for 2.5: functions with 0, 1 and 2 derivatives. `length`, `variance`
    and what raises: as in `RBF`; and a `nu` other than these. Cite: rasmussen2006gaussian.
    """

    length: Length = 1.0
    variance: float | Float[Array, ""] = 1.0
    nu: float = static(default=2.5)

    def __check__(self) -> None:
        positive("Matern length", self.length)
        positive("Matern variance", self.variance)
        if self.nu not in (0.5, 1.5, 2.5):
            raise ValueError(f"Matern nu must be 0.5, 1.5 or 2.5; it is {self.nu!r}")

    def __call__(self, a: Float[Array, "n d"], b: Float[Array, "m d"]) -> Float[Array, "n m"]:
        r = jnp.sqrt(2 * self.nu * _exact_squared_distance(a / self.length, b / self.length))
        series: dict[float, Array | float] = {0.5: 1.0, 1.5: 1 + r, 2.5: 1 + r + r**2 / 3}
        return self.variance * series[self.nu] * jnp.exp(-r)

    def diag(self, a: Float[Array, "n d"]) -> Float[Array, "n"]:
        return jnp.full(a.shape[0], self.variance, a.dtype)

    def basis(self, a: Float[Array, "n d"], key: Key, size: int) -> Float[Array, "n r"]:
        r"""Cosines and sines of `size` frequencies from Student's law with :math:`2\nu` degrees of freedom."""
        normal_key, scale_key = jax.random.split(key)
        freedom = round(2 * self.nu)
        chi = (jax.random.normal(scale_key, (size, freedom), a.dtype) ** 2).sum(1, keepdims=True)
        z = jax.random.normal(normal_key, (size, a.shape[1]), a.dtype)
        return _waves(a / self.length, z * jnp.sqrt(freedom / jnp.maximum(chi, jnp.finfo(a.dtype).tiny)), self.variance)


@record
class Dot:
    r"""The linear kernel :math:`s\,a^\top b + c`: linear regression with an intercept of variance `c` = `bias`.

    Raises `ValueError` where `variance` is not above 0 or `bias` is below 0.
    """

    variance: float | Float[Array, ""] = 1.0
    bias: float | Float[Array, ""] = 0.0

    def __check__(self) -> None:
        positive("Dot variance", self.variance)
        nonnegative("Dot bias", self.bias)

    def __call__(self, a: Float[Array, "n d"], b: Float[Array, "m d"]) -> Float[Array, "n m"]:
        return self.variance * dot(a, b.T) + self.bias

    def diag(self, a: Float[Array, "n d"]) -> Float[Array, "n"]:
        return self.variance * (a * a).sum(1) + self.bias

    def basis(self, a: Float[Array, "n d"], key: Key, size: int) -> Float[Array, "n r"]:
        """The features themselves, and a constant: exact, so that neither `key` nor `size` matters."""
        constant = jnp.full((a.shape[0], 1), self.bias, a.dtype)
        return jnp.concatenate([a * jnp.sqrt(jnp.asarray(self.variance, a.dtype)), jnp.sqrt(constant)], 1)


def _waves(a: Float[Array, "n d"], frequency: Float[Array, "size d"], variance: Array | float) -> Float[Array, "n r"]:
    """Cosines beside sines: at equal frequencies their squares sum to the variance exactly."""
    phase = dot(a, frequency.T)
    scale = jnp.sqrt(jnp.asarray(variance, a.dtype) / frequency.shape[0])
    return scale * jnp.concatenate([jnp.cos(phase), jnp.sin(phase)], 1)


def _squared_distance(a: Float[Array, "n d"], b: Float[Array, "m d"]) -> Float[Array, "n m"]:
    """Squared distances by one matrix product, from a centre of the points; off by rounding where they coincide."""
    centre = b.mean(0)
    a, b = a - centre, b - centre
    return jnp.maximum((a * a).sum(1)[:, None] - 2 * dot(a, b.T) + (b * b).sum(1), 0)


def _exact_squared_distance(a: Float[Array, "n d"], b: Float[Array, "m d"]) -> Float[Array, "n m"]:
    """Squared distances by differences, exactly 0 at coincident points: a kernel that is no square there needs that."""
    return ((a.T[:, :, None] - b.T[:, None, :]) ** 2).sum(0)
