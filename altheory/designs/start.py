"""Where to start: items that already span the pool well."""

import numpy as np

from altheory.designs.pool import Matrix, Vector
from altheory.designs.problem import Problem


def kumar_yildirim(x: Matrix) -> Vector:
    r"""Items `[d]` picked one per direction, each farthest along a direction orthogonal to those before it.

    Uniform weights on them have :math:`\log\det V(\pi_0) \ge \max_\pi\log\det V(\pi) - d\log d`, whatever the number of
    rows of `x [N, d]`. The direction is the largest residual row. Raises `ValueError` where `x` does not span its
    columns. Cite: kumar2005minimum.
    """
    rows = np.asarray(x, dtype=np.float64)
    basis = np.zeros((0, rows.shape[1]))
    lengths = (rows * rows).sum(1)
    floor = 1e-20 * float(lengths.max(initial=0.0))
    picks: list[int] = []
    for _ in range(rows.shape[1]):
        far = int(np.argmax(lengths))
        b = rows[far] - basis.T @ (basis @ rows[far])
        b -= basis.T @ (basis @ b)
        norm = float(np.sqrt(b @ b))
        if norm * norm <= floor:
            raise ValueError(
                f"x spans {len(picks)} dimensions, not its {rows.shape[1]} columns: project it on its span"
            )
        along = rows @ (b / norm)
        pick = int(np.argmax(np.abs(along)))
        picks.append(pick)
        new = rows[pick] - basis.T @ (basis @ rows[pick])
        new -= basis.T @ (basis @ new)
        new /= np.sqrt(new @ new)
        basis = np.concatenate([basis, new[None]])
        lengths = np.maximum(lengths - (rows @ new) ** 2, 0.0)
    return np.array(picks)


BUFFER = 16384


def starting_items(problem: Problem) -> Vector:
    """Kumar-Yildirim items of the pool, or of its highest leverages where it is large, and the runners-up; under a
    budget also those of the items within it, and the cheapest, so that some design on them can be paid for.
    """
    lengths = problem.scan(np.eye(problem.frame.rank), exact=False) if problem.items > BUFFER else None
    found = _leading(problem, np.arange(problem.items), lengths)
    if problem.prices is None:
        return found
    within = _leading(problem, np.flatnonzero(problem.prices <= 1), lengths)
    return np.unique(np.concatenate([found, within, [np.argmin(problem.prices)]]))


def _leading(problem: Problem, index: Vector, lengths: Vector | None) -> Vector:
    """The start among some items; `lengths [items]` are needed where they are many."""
    rank = problem.frame.rank
    if lengths is not None and len(index) > BUFFER:
        index = np.sort(index[np.argpartition(lengths[index], -BUFFER)[-BUFFER:]])
    rows = problem.rows(index)
    try:
        picks = kumar_yildirim(rows)
    except ValueError:
        picks = np.arange(0)
    more = np.argsort(-(rows * rows).sum(1), kind="stable")[: 2 * rank + 8]
    return index[_distinct(rows, np.unique(np.concatenate([picks, more])))]


def _distinct(rows: Matrix, picks: Vector) -> Vector:
    """The picks without those that repeat another's row, or its negative: equal rows make Newton systems singular."""
    chosen = rows[picks]
    lead = np.sign(chosen[np.arange(len(picks)), np.argmax(np.abs(chosen), axis=1)])
    return picks[np.unique((chosen * lead[:, None]).round(12), axis=0, return_index=True)[1]]
