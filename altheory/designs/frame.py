"""The span of a pool, and coordinates in which its second moment is the identity."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from altheory.designs.pool import Matrix, Pool, Vector, chunks
from altheory.designs.threads import over_chunks

DOUBLE_RANK = 1e-11
SINGLE_RANK = 3e-7
"""Singular values below these shares of the largest count as zero, once columns and rows have unit scale."""

PRIOR = 1e-6
"""A prior counts for at least this share of the pool's second moment where the span is judged, however weak it is."""


@dataclass(frozen=True)
class Frame:
    """`to [d, r]` takes a row to whitened coordinates, `z = x to`; `back [r, d]` returns it, `x = z back`."""

    to: Matrix
    back: Matrix

    @property
    def rank(self) -> int:
        return self.to.shape[1]

    def turned(self, lower: Matrix) -> "Frame":
        r"""The frame in which the matrix :math:`LL^\top` of this one is the identity, for a lower triangular L."""
        return Frame(solve_triangular(lower, self.to.T, lower=True, check_finite=False).T, lower.T @ self.back)

    def log_volume(self) -> float:
        r""":math:`\log\det BB^\top` for `back` = B: what the change of coordinates adds to a log-determinant."""
        rank, d = self.back.shape
        if rank == d:
            return 2 * float(np.linalg.slogdet(self.back)[1])
        return 2 * float(np.log(np.abs(np.diag(np.linalg.qr(self.back.T)[1]))).sum())


def _live_rows(pool: Pool, bounds: tuple[int, int], live: Vector | None) -> Matrix:
    low, high = bounds
    rows = pool.rows(low, high)
    return rows if live is None else rows[live[low:high]]


def column_scales(pool: Pool, live: Vector | None = None) -> Vector:
    """The largest magnitude in each column among `live [items]` items, 1 where a column is zero."""
    top = np.zeros(pool.shape[1])
    for part in over_chunks(lambda b: np.abs(_live_rows(pool, b, live)).max(0, initial=0.0), chunks(pool)):
        top = np.maximum(top, part)
    return np.where(top > 0, top, 1.0)


def moment(pool: Pool, to: Matrix, scales: Vector, live: Vector | None = None) -> Matrix:
    """The second moment of `x to` over rows that are first given unit length in `x / scales`."""
    total = np.zeros((to.shape[1], to.shape[1]))

    def part(bounds: tuple[int, int]) -> Matrix:
        rows = _live_rows(pool, bounds, live).astype(np.float64, copy=False)
        scaled = rows / scales
        lengths = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
        z = (rows @ to) / np.where(lengths > 0, lengths, 1.0)[:, None]
        return z.T @ z

    for piece in over_chunks(part, chunks(pool)):
        total += piece
    return total / (pool.shape[0] if live is None else max(int(np.count_nonzero(live)), 1))


def build_frame(pool: Pool, prior: Matrix | None = None, live: Vector | None = None) -> Frame:
    """Whiten the pool, and keep the directions it (or the prior's precision) spans.

    `prior [k, d]` is a root R of the precision R'R, `live [items]` are the items that count. Raises `ValueError` where
    every row is zero and there is no prior.
    """
    scales = column_scales(pool, live)
    to = np.diag(1 / scales)
    back = np.diag(scales)
    floor = SINGLE_RANK if pool.single else DOUBLE_RANK
    extra = np.zeros((0, len(to))) if prior is None else prior
    extra = extra * np.sqrt(1 + PRIOR / max(float(((extra @ to) ** 2).sum()), 1e-300))
    for attempt in range(2):
        seen = extra @ to
        gram = moment(pool, to, scales, live) + seen.T @ seen
        values, vectors = np.linalg.eigh((gram + gram.T) / 2)
        top = float(values[-1])
        if top <= 0:
            raise ValueError("x is zero in every entry: no design is informative")
        if attempt == 0:
            rough = np.sqrt(np.maximum(values, 1e-15 * top))
            relative = rough / np.sqrt(top)
        else:
            rough = np.sqrt(np.maximum(values, 0.0))
            # rough now measures what the first pass got wrong: 1 where it was right, 0 in a null direction
            spanned = np.abs(vectors.T @ np.diag(relative) @ vectors).diagonal() * rough > floor
            vectors, rough = vectors[:, spanned], rough[spanned]
        to = to @ vectors / rough
        back = (rough[:, None] * vectors.T) @ back
        if attempt == 0 and relative.min() > 1e-4:
            break
    return Frame(to, back)
