"""Whittle indices of restless arms with finitely many states, where the arm is indexable: checked, not assumed."""

from typing import Any

import numpy as np

from altheory.scores.gittins import require_chain

TIE = 1e-9
"""Subsidies nearer than this, relative to their size, are one: states that are indifferent together turn together."""


def whittle_index(passive: Any, active: Any, rest: Any, reward: Any, discount: float) -> np.ndarray:
    r"""The subsidy for resting at which resting and acting are worth the same, `[S]`, on the host in float64.

    `passive`, `active` `[S, S]` move an arm that rests and one that acts; `rest`, `reward` `[S]` are paid then. The arm
    is indexable where the states that rest, as the subsidy rises from minus infinity, never act again. The optimal
    policy of each subsidy is followed from one change to the next: where the gain of acting
    :math:`r_1(s) - r_0(s) - \lambda + \beta\,(P_1 - P_0)V_\lambda(s)`, linear between changes, reaches 0 the state
    turns to rest. With frozen passive arms that pay nothing it is the Gittins index. Playing the arms of the highest
    indices is a heuristic, best in the limit of many arms under conditions that this function does not check.

    Time: O(S^4). Raises `ValueError` where rows do not add up to 1, the discount is not in (0, 1), or a state that
    rests would act again at a larger subsidy, which it names. Cite: whittle1988restless, nino2007dynamic.
    """
    require_chain("whittle_index passive", passive, rest, discount)
    require_chain("whittle_index active", active, reward, discount)
    p0, p1, r0, r1 = (np.asarray(x, np.float64) for x in (passive, active, rest, reward))
    size = len(r0)
    resting, index = np.zeros(size, bool), np.full(size, np.inf)
    while not resting.all():
        rows = np.eye(size) - discount * np.where(resting[:, None], p0, p1)
        value = np.linalg.solve(rows, np.stack([np.where(resting, r0, r1), resting.astype(float)], 1))
        level, slope = (np.stack([r1 - r0, -np.ones(size)], 1) + discount * (p1 - p0) @ value).T
        turns = np.where(resting, slope > 1e-12, slope < -1e-12)
        at = np.where(turns, -level / np.where(turns, slope, 1), np.inf)
        first = at[~resting].min()
        tie = TIE * (1 + abs(first)) if np.isfinite(first) else 0.0
        again = np.flatnonzero(resting & (at < first - tie))
        if len(again):
            s = again[np.argmin(at[again])]
            raise ValueError(
                f"whittle_index needs an indexable arm: state {s} rests from the subsidy {index[s]:g} on and would act "
                f"again from {max(at[s], index[s]):g}; this arm has no index"
            )
        now = ~resting & (at <= first + tie)
        resting, index = resting | now, np.where(now, first, index)
    return index
