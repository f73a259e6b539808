"""Many small D-optimal designs at once: an interior point method that runs under vmap."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core.numerics import cho_solve, cholesky, dot, solve_lower
from altheory.designs.errors import DesignError
from altheory.designs.pool import Vector

SHORT = 0.995
STEPS = 40
BLOCK = 256
"""Pools solved together: few enough for their Newton systems to stay in cache."""


def d_optimal_kernel(
    x: Float[Array, "items d"], *, tol: float | Array = 1e-6, steps: int = STEPS
) -> tuple[Float[Array, "items"], Float[Array, ""]]:
    r"""D-optimal weights `[items]` and their gap :math:`\max_ix_i^\top V^{-1}x_i/d - 1`, under jit and vmap.

    Newton systems are solved in the :math:`d(d+1)/2` dimensions of symmetric matrices, so a step costs
    :math:`O(N d^4)`. Nothing raises: the gap is NaN where the rows do not span, and above `tol` where `steps` did not
    suffice. Float32 reaches gaps near 1e-4; use float64 for less.
    """
    n = x.shape[0]
    scales = jnp.abs(x).max(0)
    rows = x / jnp.where(scales > 0, scales, 1)
    rows = _whiten(rows, dot(rows.T, rows) / n)
    w = jnp.full(n, 1 / n, x.dtype)
    lev, _ = _leverages(rows, w)
    y = 1.01 * lev.max()
    start: tuple[Array, ...] = (
        w,
        jnp.maximum(y - lev, 1e-3 * y),
        y,
        lev.max() - 1,
        jnp.asarray(0),
        w,
        jnp.asarray(jnp.inf, x.dtype),
    )

    def going(state: tuple[Array, ...]) -> Array:
        return (state[6] > tol) & (state[4] < steps) & jnp.isfinite(state[3])

    def step(state: tuple[Array, ...]) -> tuple[Array, ...]:
        w, s, y, _, count, best, best_gap = state
        w, s, y = _newton(rows, w, s, y)
        share = w / w.sum()
        gap = _leverages(rows, share)[0].max() - 1
        better = gap < best_gap
        return w, s, y, gap, count + 1, jnp.where(better, share, best), jnp.where(better, gap, best_gap)

    final = jax.lax.while_loop(going, step, start)
    return final[5], jnp.where(jnp.isfinite(final[6]), final[6], jnp.nan)


def _whiten(rows: Array, m: Array) -> Array:
    """Rows times the inverse transposed factor: for so few columns a product is faster than a solve per row."""
    inverse = solve_lower(cholesky(m), jnp.eye(rows.shape[1], dtype=rows.dtype))
    return dot(rows, inverse.T)


def _leverages(rows: Array, w: Array) -> tuple[Array, Array]:
    """Leverages over d, and rows whitened by the information."""
    z = _whiten(rows, dot(rows.T, w[:, None] * rows))
    return (z * z).sum(1) / rows.shape[1], z


def _newton(rows: Array, w: Array, s: Array, y: Array) -> tuple[Array, Array, Array]:
    """One predictor-corrector step; the Hessian is Z Z'/d with Z the symmetric squares of the whitened rows."""
    d = rows.shape[1]
    phi, z = _leverages(rows, w)
    i, j = np.triu_indices(d)
    square = z[:, i] * z[:, j] * jnp.where(i == j, 1.0, np.sqrt(2.0)).astype(z.dtype)
    flex = w / s
    small = cholesky(d * jnp.eye(len(i), dtype=z.dtype) + dot(square.T, flex[:, None] * square))

    def solve(b: Array) -> Array:
        """(s/w + ZZ'/d)^{-1} b for b [items, k]."""
        inner = cho_solve(small, dot(square.T, flex[:, None] * b))
        return flex[:, None] * (b - dot(square, inner))

    ones = solve(jnp.ones((len(w), 1), z.dtype))[:, 0]

    def direction(complement: Array) -> tuple[Array, Array, Array]:
        base = solve((phi - y + s + complement / w)[:, None])[:, 0]
        dy = (base.sum() - (1 - w.sum())) / ones.sum()
        dw = base - ones * dy
        return dw, (complement - s * dw) / w, dy

    mu = (w * s).mean()
    dw, ds, _ = direction(-w * s)
    ahead = ((w + _reach(w, dw) * dw) * (s + _reach(s, ds) * ds)).mean()
    sigma = jnp.clip(ahead / mu, 0.0, 1.0) ** 3
    dw, ds, dy = direction(sigma * mu - w * s - dw * ds)
    along = jnp.minimum(_reach(w, dw), _reach(s, ds))
    return w + along * dw, s + along * ds, y + along * dy


def _reach(v: Array, dv: Array) -> Array:
    return jnp.minimum(1.0, SHORT * jnp.where(dv < 0, -v / jnp.where(dv < 0, dv, -1.0), jnp.inf).min())


@jax.jit
def _batched(x: Array, tol: Array) -> tuple[Array, Array]:
    return jax.lax.map(lambda pool: d_optimal_kernel(pool, tol=tol), x, batch_size=min(BLOCK, len(x)))


def d_optimal_batch(x: Any, *, tol: float = 1e-6) -> tuple[Vector, Vector]:
    """Weights `[batch, items]` and gaps `[batch]` of D-optimal designs on pools `x [batch, items, d]`, in float64.

    Raises `ValueError` where `x` is not a finite 3-axis array and `DesignError` where a pool's gap exceeds `tol`.
    """
    if np.ndim(x) != 3 or 0 in np.shape(x):
        raise ValueError(f"x must be a nonempty [batch, items, d] array; its shape is {np.shape(x)}")
    a = np.asarray(x, dtype=np.float64)
    if not np.isfinite(a).all():
        raise ValueError(f"x must be finite; pool {np.argwhere(~np.isfinite(a))[0, 0]} is not")
    with jax.enable_x64(True):
        weights, gaps = map(np.asarray, _batched(jnp.asarray(a), jnp.asarray(tol, jnp.float64)))
    bad = np.flatnonzero(~(gaps <= tol))
    if len(bad):
        raise DesignError(
            f"{len(bad)} of {len(a)} pools did not reach the gap {tol:.2g}; "
            f"the first is pool {bad[0]} at {gaps[bad[0]]:.2g}: its rows may not span, or raise tol"
        )
    return weights, gaps
