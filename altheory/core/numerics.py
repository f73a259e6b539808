"""Arithmetic that does not quietly lose digits: matrix products at HIGHEST precision, safe logarithms, exact sums."""

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


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Knuth's exact sum: `a + b = s + e` with `s` the rounded sum and `e` its error."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def add_exact(total: tuple[Array, Array], x: Array) -> tuple[Array, Array]:
    """Add `x` to a two-float total (high part, error part): about 48 bits of mantissa from float32."""
    s, e = two_sum(total[0], x)
    return two_sum(s, total[1] + e)
