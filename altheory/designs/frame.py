"""The span of a pool, and coordinates in which its second moment is the identity."""

from dataclasses import dataclass

import numpy as np

from altheory.designs.pool import Matrix, Pool, Vector, chunks
from altheory.designs.threads import over_chunks

DOUBLE_RANK = 1e-11
SINGLE_RANK = 3e-7
"""Singular values below these shares of the largest count as zero, once columns and rows have unit scale."""


@dataclass(frozen=True)
class Frame:
    """`to [d, r]` takes a row to whitened coordinates, `z = x to`; `back [r, d]` returns it, `x = z back`."""

    to: Matrix
    back: Matrix

    @property
    def rank(self) -> int:
        return self.to.shape[1]

    def log_volume(self) -> float:
        r""":math:`\log\det BB^\top` for `back` = B: what the change of coordinates adds to a log-determinant."""
        rank, d = self.back.shape
        if rank == d:
            return 2 * float(np.linalg.slogdet(self.back)[1])
        return 2 * float(np.log(np.abs(np.diag(np.linalg.qr(self.back.T)[1]))).sum())


def column_scales(pool: Pool) -> Vector:
    """The largest magnitude in each column, 1 where a column is zero."""
    top = np.zeros(pool.shape[1])
    for part in over_chunks(lambda b: np.abs(pool.rows(*b)).max(0), chunks(pool)):
        top = np.maximum(top, part)
    return np.where(top > 0, top, 1.0)


def moment(pool: Pool, to: Matrix, scales: Vector) -> Matrix:
    """The second moment of `x to` over rows that are first given unit length in `x / scales`."""
    total = np.zeros((to.shape[1], to.shape[1]))

    def part(bounds: tuple[int, int]) -> Matrix:
        rows = pool.rows(*bounds).astype(np.float64, copy=False)
        scaled = rows / scales
        lengths = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))
        z = (rows @ to) / np.where(lengths > 0, lengths, 1.0)[:, None]
        return z.T @ z

    for piece in over_chunks(part, chunks(pool)):
        total += piece
    return total / pool.shape[0]


def build_frame(pool: Pool, prior: Matrix | None = None) -> Frame:
    """Whiten the pool, and keep the directions it (or the prior's precision) spans.

    Raises `ValueError` where every row is zero and there is no prior.
    """
    scales = column_scales(pool)
    to = np.diag(1 / scales)
    back = np.diag(scales)
    floor = SINGLE_RANK if pool.single else DOUBLE_RANK
    extra = np.zeros_like(to) if prior is None else prior / max(float(np.trace(to @ prior @ to)), 1e-300)
    for attempt in range(2):
        gram = moment(pool, to, scales) + to.T @ extra @ to
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
