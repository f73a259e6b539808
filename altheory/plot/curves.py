"""Curves of a study: means over seeds with bands, against rounds or money, with the theorems' bounds."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from altheory.guarantees import Guarantee, LowerBound, check
from altheory.plot.figure import StudyFigure, canvas, style
from altheory.sim import Study

Band = Literal["bootstrap", "quantile"]
BAND_NAMES = {"bootstrap": "95 % bootstrap interval of the mean", "quantile": "5 % to 95 % of seeds"}
CROWDED = 10
"""Entries of a legend beyond which it stands below the figure."""

POINTS = 400
"""Places along the x axis at which curves are drawn."""


def curve(
    study: Study,
    metric: str,
    *,
    cumulative: bool = False,
    against: Literal["round", "cost"] = "round",
    band: Band = "bootstrap",
    bounds: Sequence[Guarantee] = (),
    lower: Sequence[LowerBound] = (),
    log: Literal["", "x", "y", "xy"] = "",
    title: str = "",
) -> StudyFigure:
    """Draw a recorded metric of each policy, averaged over seeds.

    `against="cost"` puts money spent on the x axis (the study must record `cost`). Bounds are drawn for each policy
    that they cover and the legend says how loose they are; lower bounds, which hold for all, once. Raises `ValueError`
    for a metric that was not recorded.
    """
    for name in (metric, *(("cost",) if against == "cost" else ())):
        if name not in study.data:
            raise ValueError(f"the study did not record `{name}`; it has {', '.join(map(str, study.data.data_vars))}")
    if band not in BAND_NAMES:
        raise ValueError(f"curve band must be one of {', '.join(BAND_NAMES)}; it is {band!r}")
    figure, axes = canvas(study.manifest)
    for i, name in enumerate(study.data.policy.values):
        x, values = _along(study, metric, str(name), cumulative=cumulative, against=against)
        low, high = interval(values, band)
        look = style(i)
        axes.plot(x, values.mean(0), label=str(name), **look)
        axes.fill_between(x, low, high, color=look["color"], alpha=0.18, linewidth=0)
    for g in bounds:
        _draw_bound(axes, study, g, metric)
    for below in lower:
        _draw_lower(axes, study, below)
    _finish(axes, study, metric, cumulative=cumulative, against=against, band=band, log=log, title=title)
    return figure


def regret(
    study: Study,
    *,
    bounds: Sequence[Guarantee] = (),
    lower: Sequence[LowerBound] = (),
    band: Band = "bootstrap",
    log: Any = "",
) -> StudyFigure:
    """Cumulative regret against rounds, with upper and lower bounds."""
    return curve(study, "regret", cumulative=True, bounds=bounds, lower=lower, band=band, log=log)


def accuracy(study: Study, *, against: Literal["round", "cost"] = "round", band: Band = "bootstrap") -> StudyFigure:
    """Accuracy on held-out items against labels bought, or money spent."""
    return curve(study, "accuracy", against=against, band=band)


def interval(values: np.ndarray, band: Band) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edge `[points]` for values `[seeds, points]`; the bootstrap's resamples have a fixed seed."""
    if band == "quantile":
        low, high = np.quantile(values, [0.05, 0.95], axis=0)
        return low, high
    seeds = len(values)
    counts = np.random.default_rng(0).multinomial(seeds, np.full(seeds, 1 / seeds), size=1000)
    low, high = np.quantile(counts @ values / seeds, [0.025, 0.975], axis=0)
    return low, high


def _along(study: Study, metric: str, name: str, *, cumulative: bool, against: str) -> tuple[np.ndarray, np.ndarray]:
    values = study.cumulative(metric) if cumulative else study.data[metric].astype(np.float64)
    y = values.sel(policy=name).transpose("seed", "round").values
    if against == "round":
        at = np.unique(np.linspace(0, y.shape[1] - 1, POINTS).astype(int))
        return study.data["round"].values[at], y[:, at]
    spent = study.cumulative("cost").sel(policy=name).transpose("seed", "round").values
    grid = np.linspace(spent[:, 0].max(), np.median(spent[:, -1]), POINTS)
    at = np.stack([np.searchsorted(s, grid * (1 + 1e-9), side="right") - 1 for s in spent])
    return grid, np.take_along_axis(y, np.maximum(at, 0), 1)


def _draw_bound(axes: Axes, study: Study, g: Guarantee, metric: str) -> None:
    rounds = study.data["round"].values.astype(np.float64)
    for i, (name, verdict) in enumerate(check(g, study).items()):
        if verdict.status == "inapplicable" or study.policies is None:
            continue
        height = np.broadcast_to(np.asarray(g.bound(study.policies[name], study.oracle, rounds)), rounds.shape)
        label = f"{g.id} bound on {name} ({verdict.status}, {verdict.looseness:.3g} times loose)"
        axes.plot(rounds, height, color=style(i)["color"], linestyle=":", linewidth=1.4, label=label)


def _draw_lower(axes: Axes, study: Study, below: LowerBound) -> None:
    rounds = study.data["round"].values.astype(np.float64)
    height = below.bound(study.oracle, rounds)
    if height is not None:
        label, shown = f"{below.id} lower bound, in the limit", np.where(height > 0, height, np.nan)
        axes.plot(rounds, shown, color="0.35", linestyle="-.", linewidth=1.4, label=label)


def _finish(
    axes: Axes, study: Study, metric: str, *, cumulative: bool, against: str, band: Band, log: str, title: str
) -> None:
    seeds = study.data.sizes["seed"]
    axes.set_xlabel("money spent" if against == "cost" else "labels bought" if metric == "accuracy" else "round")
    axes.set_ylabel(
        {"accuracy": "accuracy on held-out items"}.get(metric, ("cumulative " if cumulative else "") + metric)
    )
    if "x" in log:
        axes.set_xscale("log")
    if "y" in log:
        axes.set_yscale("log")
    if title:
        axes.set_title(title, fontsize=11)
    _legend(axes, f"{seeds} seeds, band: {BAND_NAMES[band]}")


def _legend(axes: Axes, heading: str) -> None:
    entries = len(axes.get_legend_handles_labels()[0])
    if entries <= CROWDED:
        axes.legend(fontsize=8, frameon=False, title=heading, title_fontsize=8)
        return
    axes.legend(
        fontsize=7,
        frameon=False,
        title=heading,
        title_fontsize=8,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.14),
        ncols=2,
    )
    figure = axes.get_figure(root=True)
    if figure is not None:
        figure.set_size_inches(figure.get_figwidth(), figure.get_figheight() + 0.08 * entries)
