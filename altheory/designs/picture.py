"""The textbook picture of a design: its sensitivity function, the bound it must not cross, and the weights."""

from typing import TYPE_CHECKING, Any

import numpy as np

from altheory.core import check
from altheory.designs.design import Design
from altheory.designs.pool import Matrix, Vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = 20_000
"""More items than this are thinned before they are drawn; the support and the largest sensitivities stay."""


def draw(design: Design, along: Any, ax: "Axes | None") -> "Axes":
    """Draw; see `Design.plot`."""
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(6, 3.5), layout="constrained")[1]
    items = len(design.weights)
    sensitivity = design.sensitivity()
    shown = _shown(design, sensitivity)
    place, label = _place(design, shown) if along is None else (_given(along, items)[shown], "item")
    scale, name = (design.rank, "leverage") if design.criterion in ("d", "g") else (1.0, "sensitivity")
    order = np.argsort(place)
    style = {"lw": 1.2} if along is None and label == "x" else {"lw": 0, "marker": ".", "ms": 3}
    ax.plot(place[order], scale * sensitivity[shown][order], color="#4269d0", zorder=2, label=name, **style)
    ax.axhline(scale, color="#ff725c", lw=1, zorder=1, label=f"bound, certified gap {design.gap:.1g}")
    ax.set(xlabel=label, ylabel=name, title=f"{design.criterion.upper()}-optimal design, {len(design.support)} items")
    twin = ax.twinx()
    at = np.searchsorted(shown, design.support)
    twin.vlines(place[at], 0, design.weights[design.support], color="#6cc5b0", lw=2, zorder=0)
    twin.set(ylabel="weight", ylim=(0, 2.5 * float(design.weights.max())))
    ax.set_ylim(0, None)
    ax.set_zorder(twin.get_zorder() + 1)
    ax.patch.set_visible(False)
    ax.legend(loc="lower right", frameon=False)
    return ax


def _given(along: Any, items: int) -> Vector:
    check.one_length("along", along, items)
    check.finite("along", along)
    return np.asarray(along, dtype=np.float64)


def _shown(design: Design, sensitivity: Vector) -> Vector:
    items = len(sensitivity)
    if items <= SHOWN:
        return np.arange(items)
    top = np.argpartition(sensitivity, -SHOWN // 4)[-SHOWN // 4 :]
    return np.unique(np.concatenate([design.support, top, np.arange(0, items, -(-items // (SHOWN // 2)))]))


def _place(design: Design, shown: Vector) -> tuple[Vector, str]:
    """The most evenly spaced column that tells all rows apart (as in a regression on powers of x), else a principal
    one.
    """
    rows = design.problem.pool.take(shown)
    distinct = len(np.unique(rows, axis=0))
    telling = [column for column in rows.T if len(np.unique(column)) == distinct > 2 and _is_curve(rows, column)]
    if telling:
        return min(telling, key=_unevenness), "x"
    centred = rows - rows.mean(0)
    direction = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    return centred @ direction, "first principal direction"


def _unevenness(column: Vector) -> float:
    steps = np.diff(np.unique(column))
    return float(steps.std() / steps.mean())


def _is_curve(rows: Matrix, column: Vector) -> bool:
    """Whether every other column rises and falls no more often along this one than a polynomial could."""
    path = rows[np.argsort(column)]
    turns = np.abs(np.diff(path, axis=0)).sum(0)
    return bool((turns <= 2 * rows.shape[1] * np.ptp(rows, axis=0)).all())
