"""Mean ranks of policies over paired blocks, and which of them differ: the critical-difference picture."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from altheory.plot.figure import COLOURS, StudyFigure, canvas
from altheory.sim import Study

LEVEL = 0.05
"""The family-wise error of the critical difference."""


@dataclass(frozen=True)
class Ranks:
    """Mean ranks (1 is best) of `names` over `blocks` paired comparisons.

    `p` is Friedman's: the chance of ranks so uneven where all are alike; `critical` is Nemenyi's difference of mean
    ranks at a family-wise level of 0.05; `groups` are maximal runs, in the order of rank, within that difference.
    """

    names: tuple[str, ...]
    mean: np.ndarray
    blocks: int
    p: float
    critical: float
    groups: tuple[tuple[str, ...], ...]


def ranks(values: np.ndarray, names: tuple[str, ...]) -> Ranks:
    r"""Rank `values [blocks, policies]`, larger better, within each block; ties share their mean rank.

    The critical difference is :math:`q_{0.05}\sqrt{k(k+1)/(6B)}` for k policies and B blocks, :math:`q` the studentised
    range over :math:`\sqrt2`. Raises `ValueError` for fewer than two policies or blocks, or values that are not finite.
    Cite: demsar2006statistical.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or values.shape[1] != len(names) or min(values.shape) < 2:
        raise ValueError(f"ranks needs values of at least 2 blocks x 2 policies; their shape is {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("ranks needs finite values: drop the blocks that have none")
    blocks, k = values.shape
    mean = stats.rankdata(-values, axis=1).mean(0)
    same = np.ptp(values, axis=1).max() == 0
    p = 1.0 if same else float(_friedman(values))
    critical = float(stats.studentized_range.ppf(1 - LEVEL, k, np.inf) / np.sqrt(2) * np.sqrt(k * (k + 1) / 6 / blocks))
    order = np.argsort(mean, kind="stable")
    return Ranks(
        tuple(names[i] for i in order), mean[order], blocks, p, critical, _groups(mean[order], names, order, critical)
    )


def _friedman(values: np.ndarray) -> float:
    """Friedman's p, with its correction for ties (chi-square with k - 1 degrees of freedom)."""
    blocks, k = values.shape
    ranked = stats.rankdata(values, axis=1)
    spread = ((ranked - (k + 1) / 2) ** 2).sum() / (k - 1)
    statistic = ((ranked.sum(0) - blocks * (k + 1) / 2) ** 2).sum() / spread
    return float(stats.chi2.sf(statistic, k - 1))


def _groups(mean: np.ndarray, names: tuple[str, ...], order: np.ndarray, critical: float) -> Any:
    ends = [int(np.searchsorted(mean, m + critical, side="right")) for m in mean]
    runs = [(i, end) for i, end in enumerate(ends) if end > i + 1 and (i == 0 or end > ends[i - 1])]
    return tuple(tuple(names[j] for j in order[i:end]) for i, end in runs)


def area(study: Study, metric: str = "accuracy") -> tuple[np.ndarray, tuple[str, ...]]:
    """A metric's mean over rounds, `[seeds, policies]`, and the policies' names."""
    if metric not in study.data:
        raise ValueError(f"the study did not record `{metric}`; it has {', '.join(map(str, study.data.data_vars))}")
    values = study.data[metric].astype(np.float64).mean("round").transpose("seed", "policy")
    return values.values, tuple(map(str, study.data.policy.values))


def critical_difference(study: Study, metric: str = "accuracy") -> StudyFigure:
    """Mean ranks over seeds of a metric averaged over rounds; bars join policies that do not differ at level 0.05.

    Seeds are blocks: policies meet the same splits. Cite: demsar2006statistical.
    """
    return draw_ranks(ranks(*area(study, metric)), study.manifest, f"mean rank of {metric} averaged over rounds")


def draw_ranks(found: Ranks, manifest: dict[str, Any], title: str, *, blocks: str = "seeds") -> StudyFigure:
    """The picture of `ranks`: a line a policy, best on top, and bars over those within the critical difference."""
    k = len(found.names)
    figure, axes = canvas(manifest, height=1.4 + 0.27 * k + 0.12 * len(found.groups))
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    for i, (name, mean) in enumerate(zip(found.names, found.mean, strict=True)):
        axes.plot([1, mean], [i, i], color="0.85", linewidth=0.8, zorder=0)
        axes.plot(mean, i, "o", color=COLOURS[0])
        axes.annotate(f"{name}  {mean:.2f}", (mean, i), (8, 0), textcoords="offset points", va="center", fontsize=9)
    for j, group in enumerate(found.groups):
        at = [found.names.index(name) for name in group]
        x = 1 - 0.025 * k * (j + 1)
        axes.plot([x, x], [at[0] - 0.2, at[-1] + 0.2], color="black", linewidth=2.5, solid_capstyle="butt")
    axes.set_ylim(k - 0.4, -0.6)
    axes.set_xlim(1 - 0.025 * k * (len(found.groups) + 2), 1.3 * k)
    axes.set_xticks(range(1, k + 1))
    axes.set_xlabel(f"mean rank over {found.blocks} {blocks} (1 is best)")
    axes.set_title(
        f"{title}\nbars: no difference at 0.05 (critical difference {found.critical:.2f}; Friedman p = {found.p:.2g})",
        fontsize=10,
    )
    return figure
