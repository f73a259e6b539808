"""The classical algorithms for D-optimal design, one step at a time, so that each step's theorem can be checked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from altheory.designs.pool import Matrix, Vector

REFRESH = 50
"""Rank-one updates of the inverse drift: it is refactored after this many."""


@dataclass(frozen=True)
class Iterate:
    r"""One iterate: `weights [N]`, :math:`\log\det V`, `leverages [N]` and the move that led here."""

    weights: Vector
    log_det: float
    leverages: Vector
    move: str
    dimension: int

    @property
    def worst(self) -> float:
        """The largest leverage g."""
        return float(self.leverages.max())

    @property
    def gap(self) -> float:
        """g/d - 1."""
        return self.worst / self.dimension - 1

    @property
    def slack(self) -> float:
        """The larger of g/d - 1 and 1 less the smallest leverage on the support over d."""
        return max(self.gap, 1 - float(self.leverages[self.weights > 0].min()) / self.dimension)


class _State:
    """Weights with the inverse information, its log-determinant and all leverages, under moves towards one item."""

    def __init__(self, x: Matrix, start: Vector | None) -> None:
        self.x = np.asarray(x, dtype=np.float64)
        n = len(self.x)
        self.weights = np.full(n, 1 / n) if start is None else np.array(start, dtype=np.float64)
        self.age = 0
        self.refresh()

    def refresh(self) -> None:
        v = (self.x * self.weights[:, None]).T @ self.x
        sign, self.log_det = np.linalg.slogdet(v)
        if sign <= 0 or not np.isfinite(self.log_det):
            raise ValueError("the starting weights must put mass on items that span the columns of x")
        self.inverse = np.linalg.inv(v)
        self.leverages = np.einsum("ij,ij->i", self.x @ self.inverse, self.x)
        self.age = 0

    def move(self, i: int, gamma: float) -> None:
        r"""To :math:`(1-\gamma)\pi + \gamma e_i`; γ < 0 moves away."""
        self.weights = (1 - gamma) * self.weights
        self.weights[i] = max(self.weights[i] + gamma, 0.0)
        self.age += 1
        if self.age >= REFRESH or gamma >= 1:
            self.refresh()
            return
        ratio = gamma / (1 - gamma)
        stretch = 1 + ratio * self.leverages[i]
        u = self.inverse @ self.x[i]
        self.inverse = (self.inverse - (ratio / stretch) * np.outer(u, u)) / (1 - gamma)
        self.leverages = (self.leverages - (ratio / stretch) * (self.x @ u) ** 2) / (1 - gamma)
        self.log_det += len(u) * np.log1p(-gamma) + np.log(stretch)

    def look(self, move: str) -> Iterate:
        return Iterate(self.weights.copy(), float(self.log_det), self.leverages.copy(), move, self.x.shape[1])


def frank_wolfe(x: Any, start: Any = None) -> Iterator[Iterate]:
    r"""Wynn and Fedorov's steps with the exact length :math:`\gamma = (g/d - 1)/(g - 1)`, from uniform weights.

    `x [N, d]` spans its columns. Each step gains exactly `step_gain(gap, d)` in :math:`\log\det V`.
    Cite: wynn1970sequential, fedorov1972theory, khachiyan1996rounding.
    """
    state = _State(x, start)
    yield state.look("start")
    while True:
        _toward(state, int(np.argmax(state.leverages)))
        yield state.look("toward")


def _toward(state: _State, i: int) -> None:
    d, g = state.x.shape[1], float(state.leverages[i])
    state.move(i, 1.0 if d == 1 else max((g / d - 1) / (g - 1), 0.0))


def away_step(x: Any, start: Any = None) -> Iterator[Iterate]:
    r"""Frank-Wolfe with Atwood's away steps: towards the largest leverage or away from the smallest on the support.

    Moves are "toward", "away" or, where a weight reaches zero, "drop". `x [N, d]` spans its columns.
    Cite: atwood1973sequences, todd2007khachiyan.
    """
    state = _State(x, start)
    d = state.x.shape[1]
    yield state.look("start")
    while True:
        up = int(np.argmax(state.leverages))
        low = np.where(state.weights > 0, state.leverages, np.inf)
        down = int(np.argmin(low))
        w, held = float(low[down]), float(state.weights[down])
        if state.leverages[up] / d - 1 >= 1 - w / d or held >= 1:
            _toward(state, up)
            yield state.look("toward")
            continue
        limit = -held / (1 - held)
        gamma = limit if w <= 1 else max((w - d) / (d * (w - 1)), limit)
        state.move(down, gamma)
        if gamma == limit:
            state.weights[down] = 0.0
        yield state.look("drop" if gamma == limit else "away")


def multiplicative(x: Any, start: Any = None) -> Iterator[Iterate]:
    r"""Titterington's algorithm: :math:`\pi_i \leftarrow \pi_iw_i/d`, from uniform weights.

    `x [N, d]` spans its columns; a zero weight stays zero. Cite: titterington1976algorithms, yu2010monotonic.
    """
    state = _State(x, start)
    yield state.look("start")
    while True:
        state.weights = state.weights * state.leverages / state.x.shape[1]
        state.weights /= state.weights.sum()
        state.refresh()
        yield state.look("multiply")


STEPPERS: dict[str, Callable[..., Iterator[Iterate]]] = {
    "frank-wolfe": frank_wolfe,
    "away-step": away_step,
    "multiplicative": multiplicative,
}
