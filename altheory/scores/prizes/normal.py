r"""The normal law's expected excess :math:`h(z) = z\Phi(z) + \varphi(z)`, its logarithm and its inverse, at any scale.

All three go through Mills' ratio :math:`R(w) = \Phi(-w)/\varphi(w)`: for w >= 0, :math:`h(-w) = \varphi(w)(1 - wR(w))`.
"""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.polynomial import chebyshev
from scipy.special import erfcx

LOG_ROOT = 0.5 * math.log(2 * math.pi)
LOG_HALFWAY = -LOG_ROOT
"""Log of h(0): below it the root lies above the mean."""

FARTHEST = 60.0
"""No price that a float64 can hold, over no scale that it can hold, puts the root more deviations away than this."""


def mills(w: Float[Array, "..."]) -> Float[Array, "..."]:
    r"""Mills' ratio :math:`\Phi(-w)/\varphi(w)` for w >= 0, to the precision of its type."""
    t = 2 / (2 + w * math.sqrt(0.5))
    return math.sqrt(math.pi / 2) * t * _series(_mills_series(_is_single(w)), 2 * t - 1)


def log_density(w: Float[Array, "..."]) -> Float[Array, "..."]:
    """Log density of the standard normal law."""
    return -0.5 * w * w - LOG_ROOT


def excess(z: Float[Array, "..."]) -> Float[Array, "..."]:
    r"""`h(z)`, the expected excess of N(z, 1) over 0: relative precision far into both tails."""
    w = jnp.abs(z)
    return jnp.exp(log_density(w)) * (1 - w * mills(w)) + jnp.maximum(z, 0)


def log_excess(z: Float[Array, "..."]) -> Float[Array, "..."]:
    r"""`log h(z)`, finite where `h` itself underflows."""
    low = jnp.maximum(-z, 0)
    down = log_density(low) + jnp.log(1 - low * mills(low))
    return jnp.where(z < 0, down, jnp.log(excess(jnp.maximum(z, 0))))


def tail(z: Float[Array, "..."]) -> Float[Array, "..."]:
    r"""Upper tail :math:`\Phi(-z)`, to relative precision."""
    w = jnp.abs(z)
    small = jnp.exp(log_density(w)) * mills(w)
    return jnp.where(z > 0, small, 1 - small)


@jax.custom_jvp
def excess_root(log_price: Float[Array, "..."]) -> Float[Array, "..."]:
    r"""The root k of :math:`E(Z - k)_+ = u` for standard normal Z, from :math:`\log u`, in a form that keeps digits.

    Where :math:`u \le h(0)` this is k itself, :math:`k \ge 0`; above, it is :math:`k + u`, which tends to 0.
    """
    log_price = jnp.asarray(log_price)
    return jnp.where(log_price <= LOG_HALFWAY, _upper(log_price), _lower(log_price))


@excess_root.defjvp
def _excess_root_slope(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    log_price, change = jnp.asarray(primals[0]), tangents[0]
    root = excess_root(log_price)
    w = jnp.where(log_price <= LOG_HALFWAY, root, 0)
    ratio = mills(w)
    up = -jnp.where(jnp.isinf(w), 0, 1 - w * ratio) / ratio
    price = jnp.exp(jnp.clip(log_price, LOG_HALFWAY, math.log(FARTHEST)))
    below = tail(price - jnp.where(log_price > LOG_HALFWAY, root, 0))
    down = -price * below / (1 - below)
    return root, change * jnp.where(log_price <= LOG_HALFWAY, up, down)


def _upper(log_price: Array) -> Array:
    """w >= 0 with log h(-w) = log_price: a polynomial guess, then steps of third order."""
    gap = jnp.maximum(LOG_HALFWAY - log_price, 0)
    v = jnp.sqrt(2 * jnp.minimum(gap, FARTHEST**2))
    w = v * _series(_upper_series(), (v - 2) / (v + 2))
    for _ in range(1 if _is_single(w) else 2):
        ratio = mills(w)
        rest = 1 - w * ratio
        pull = ratio / rest
        miss = log_density(w) + jnp.log(rest) + gap - LOG_HALFWAY
        step = miss / pull
        w = jnp.maximum(w + step / (1 - 0.5 * step * (pull - 1 / ratio)), 0)
    return jnp.where(jnp.isneginf(log_price), jnp.inf, w)


def _lower(log_price: Array) -> Array:
    """u - z with z >= 0 and h(z) = u."""
    u = jnp.exp(jnp.clip(log_price, LOG_HALFWAY, math.log(FARTHEST)))
    over = u - math.exp(LOG_HALFWAY)
    z = over * _series(_lower_series(), (over - 1) / (over + 1))
    for _ in range(1 if _is_single(z) else 2):
        density = jnp.exp(log_density(z))
        below = density * mills(z)
        step = (z + density - z * below - u) / (1 - below)
        z = jnp.maximum(z - step / (1 - 0.5 * step * density / (1 - below)), 0)
    return jnp.where(jnp.isnan(log_price), jnp.nan, excess(-z))


def _is_single(x: Array) -> bool:
    return x.dtype.itemsize <= 4


def _series(coefficients: tuple[float, ...], x: Array) -> Array:
    """A Chebyshev series by Clenshaw's recurrence."""
    b = c = jnp.zeros_like(x)
    for a in coefficients[:0:-1]:
        b, c = 2 * x * b - c + a, b
    return x * b - c + coefficients[0]


@functools.cache
def _mills_series(single: bool) -> tuple[float, ...]:
    """Of erfcx(x) / t over t = 2/(2 + x) in (0, 1], in 2t - 1."""

    def ratio(y: np.ndarray) -> np.ndarray:
        t = (y + 1) / 2
        return erfcx(2 / t - 2) / t

    return _fit(ratio, 13 if single else 30)


@functools.cache
def _upper_series() -> tuple[float, ...]:
    """Of w / v, with v^2 / 2 the log of h(0) / h(-w), in (v - 2)/(v + 2)."""

    def ratio(y: np.ndarray) -> np.ndarray:
        v = 2 * (1 + y) / (1 - y)
        w = v.copy()
        for _ in range(60):
            r = math.sqrt(math.pi / 2) * erfcx(w / math.sqrt(2))
            rest = 1 - w * r
            w = np.maximum(w + (-0.5 * w * w + np.log(rest) + 0.5 * v * v) * rest / r, w / 2)
        return w / v

    return _fit(ratio, 10, high=0.999)


@functools.cache
def _lower_series() -> tuple[float, ...]:
    """Of z / (u - h(0)), h(z) = u, in (u - h(0) - 1)/(u - h(0) + 1)."""

    def ratio(y: np.ndarray) -> np.ndarray:
        over = (1 + y) / (1 - y)
        z = over.copy()
        for _ in range(60):
            density = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
            below = density * math.sqrt(math.pi / 2) * erfcx(z / math.sqrt(2))
            z = z - (z + density - z * below - over - math.exp(LOG_HALFWAY)) / (1 - below)
        return z / over

    return _fit(ratio, 10, high=0.97)


def _fit(fn: Callable[[np.ndarray], np.ndarray], degree: int, *, high: float = 1.0) -> tuple[float, ...]:
    """Chebyshev coefficients of a function on [-1, high], in the variable of [-1, 1]."""
    nodes = np.cos(np.pi * (np.arange(200) + 0.5) / 200)
    x = np.minimum(-1 + (nodes + 1) * (high + 1) / 2, 1 - 1e-9)
    values = fn(x)
    return tuple(float(c) for c in chebyshev.chebfit(x, values, degree))
