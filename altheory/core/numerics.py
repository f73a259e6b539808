"""Arithmetic that does not quietly lose digits: matrix products at HIGHEST precision, safe logarithms, exact sums."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Float

HIGHEST = Precision.HIGHEST


def dot(a: Array, b: Array) -> Array:
    """`a @ b` at HIGHEST precision (accelerators default to TF32 or BF16, which ruins a covariance)."""
    return jnp.matmul(a, b, precision=HIGHEST)


def einsum(spec: str, *arrays: Array) -> Array:
    """`jnp.einsum` at HIGHEST precision."""
    return jnp.einsum(spec, *arrays, precision=HIGHEST)


def solve_lower(factor: Float[Array, "d d"], b: Array) -> Array:
    """Solve `L z = b` for a lower triangular `L`."""
    return jax.lax.linalg.triangular_solve(factor, b, left_side=True, lower=True)


def cho_solve(factor: Float[Array, "d d"], b: Float[Array, "d n"]) -> Float[Array, "d n"]:
    """Solve `L L' z = b` for a lower triangular Cholesky factor `L`."""
    return jax.lax.linalg.triangular_solve(
        factor, solve_lower(factor, b), left_side=True, lower=True, transpose_a=True, conjugate_a=False
    )


def cholesky(a: Float[Array, "d d"]) -> Float[Array, "d d"]:
    """The lower Cholesky factor of a symmetric positive definite matrix (NaN where it is not)."""
    return jax.lax.linalg.cholesky(a, symmetrize_input=True)


def inverse_spd(a: Float[Array, "d d"]) -> Float[Array, "d d"]:
    """The inverse of a symmetric positive definite matrix through its Cholesky factor."""
    return cho_solve(cholesky(a), jnp.eye(a.shape[-1], dtype=a.dtype))


def inverse_spds(a: Float[Array, "*n d d"]) -> Float[Array, "*n d d"]:
    """The inverses of many small symmetric positive definite matrices, by sweeping all of them together.

    LAPACK would take them one by one, on threads of its own, which a compiled loop on a CPU may wait for for ever.
    """

    def sweep(k: Array, m: Array) -> Array:
        pivot, row, column = m[..., k, k, None], m[..., k, :], m[..., :, k]
        here = jnp.arange(m.shape[-1]) == k
        row = jnp.where(here, 1, row) / pivot
        column = jnp.where(here, 0, column)
        rest = jnp.where(here, 0, m) - column[..., :, None] * row[..., None, :]
        return jnp.where(here[:, None], row[..., None, :], rest)

    return jax.lax.fori_loop(0, a.shape[-1], sweep, a)


def grow_root(root: Float[Array, "d d"], inverse: Float[Array, "d d"], x: Float[Array, "d"], weight: Array) -> Any:
    r"""A root of :math:`RR^\top + w\,xx^\top` and its inverse, from those of :math:`RR^\top`, in O(d^2).

    :math:`R' = R + c\,xu^\top` with :math:`u = R^{-1}x` and :math:`c = (\sqrt{1 + w|u|^2} - 1)/|u|^2`.
    """
    u = dot(inverse, x)
    size = (u * u).sum()
    c = weight / (jnp.sqrt(1 + weight * size) + 1)
    return root + c * jnp.outer(x, u), inverse - c / (1 + c * size) * jnp.outer(u, dot(u, inverse))


def shrink_root(root: Float[Array, "d d"], x: Float[Array, "d"], weight: Array) -> tuple[Array, Array]:
    r"""A root of :math:`(A + w\,xx^\top)^{-1}` from a root `S` of :math:`A^{-1} = SS^\top`, and :math:`x^\top A^{-1}x`.

    :math:`S' = S - k\,(Su)u^\top` with :math:`u = S^\top x`, :math:`k = (1 - 1/\sqrt{1 + w|u|^2})/|u|^2`. It stays
    positive definite in float32 and needs no factorisation. Cite: potter1963statistical.
    """
    u = dot(x, root)
    return shrink_along(root, u, weight), (u * u).sum()


def shrink_along(root: Float[Array, "n d"], u: Float[Array, "d"], weight: Array) -> Float[Array, "n d"]:
    r"""`shrink_root` where :math:`u = S^\top x` is known already: a row of `S`, for instance."""
    size = (u * u).sum()
    stretch = jnp.sqrt(1 + weight * size)
    k = weight / (stretch * (stretch + 1))
    return root - k * jnp.outer(dot(root, u), u)


def polish_root(root: Float[Array, "d d"], precision: Float[Array, "d d"]) -> Float[Array, "d d"]:
    r"""One Newton-Schulz step towards :math:`S^\top A S = I`: squares the error that rank-one updates left behind."""
    error = dot(root.T, dot(precision, root)) - jnp.eye(root.shape[-1], dtype=root.dtype)
    return root - 0.5 * dot(root, error)


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Knuth's exact sum: `a + b = s + e` with `s` the rounded sum and `e` its error."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def add_exact(total: tuple[Array, Array], x: Array) -> tuple[Array, Array]:
    """Add `x` to a two-float total (high part, error part): about 48 bits of mantissa from float32."""
    s, e = two_sum(total[0], x)
    return two_sum(s, total[1] + e)


LOG_TERMS = (0.33333331, -0.25000823, 0.20001227, -0.16623357, 0.14201762, -0.13160195, 0.1276155, -0.07634430)
r"""Minimax coefficients of :math:`(\log(1+f) - f + f^2/2)/f^3` for :math:`1+f` in :math:`[1/\sqrt2, \sqrt2]`."""
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4


@jax.custom_jvp
def plogp(p: Float[Array, "..."]) -> Float[Array, "..."]:
    """`p log p` of p >= 0 with its limit 0 at 0 (NaN stays NaN), and a gradient that stays finite there.

    In float32 the logarithm is a polynomial (relative error 1e-7), which fills every lane in any loop it is fused into.
    """
    if p.dtype != jnp.float32:
        return p * jnp.log(jnp.where(p == 0, 1, p))
    return jnp.where(p < 0, jnp.nan, p * _log32(p))


@plogp.defjvp
def _plogp_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (p,), (dp,) = primals, tangents
    return plogp(p), dp * jnp.where(p == 0, 0, jnp.log(jnp.where(p == 0, 1, p)) + 1)


def _log32(p: Float[Array, "..."]) -> Float[Array, "..."]:
    """The logarithm of positive float32 numbers; finite at 0."""
    bits = jax.lax.bitcast_convert_type(p, jnp.int32)
    root_half = 0x3F3504F3
    power = jax.lax.shift_right_arithmetic(bits - root_half, jnp.full_like(bits, 23))
    f = jax.lax.bitcast_convert_type(bits - jax.lax.shift_left(power, jnp.full_like(bits, 23)), jnp.float32) - 1
    tail = jnp.full_like(f, LOG_TERMS[-1])
    for term in LOG_TERMS[-2::-1]:
        tail = tail * f + term
    exponent = power.astype(jnp.float32)
    return (f * f * (f * tail - 0.5) + exponent * LN2_LOW) + f + exponent * LN2_HIGH
