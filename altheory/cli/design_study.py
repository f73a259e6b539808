"""The `design` study: how well n chosen items determine a linear model of a pool."""

import functools
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import xarray as xr

import altheory as al
from altheory.plot.figure import StudyFigure
from altheory.sim.manifest import describe, manifest
from altheory.sim.study import summarise

DIMENSION = 16
FLIP = 0.1
CRITERIA = {"G-optimal": "g", "D-optimal": "d", "A-optimal": "a", "I-optimal": "i"}
RULES = (*CRITERIA, "greedy", "k-center", "uniform")

Picks = Callable[[int, np.random.Generator], np.ndarray]
"""From n to how often each item is asked about, `[items]`."""


def principal(x: np.ndarray) -> np.ndarray:
    """The leading principal components, scaled together, and a constant column: `[items, at most 17]`."""
    centred = x - x.mean(0)
    _, values, directions = np.linalg.svd(centred, full_matrices=False)
    keep = min(DIMENSION, int((values > 1e-6 * values[0]).sum()))
    scores = centred @ directions[:keep].T
    return np.c_[scores / scores.std(), np.ones(len(x))]


def design_study(x: np.ndarray, y: np.ndarray, names: list[str], *, most: int, seeds: int, seed: int) -> al.Study:
    """Worst variance and held-out error of every rule at n up to `most`, over splits and noisy labels.

    Variance is the largest of a prediction on the training items, in units of the noise; the error is that of least
    squares on labels of which a tenth are wrong. Raises `ValueError` where `most` is too small.
    """
    z = principal(x)
    d = z.shape[1]
    if most < 2 * d:
        raise ValueError(f"--horizon must be at least {2 * d}, twice the {d} features of this study; it is {most}")
    sizes = np.unique(np.geomspace(2 * d, most, 8).astype(int))
    shape = (len(RULES), seeds, len(sizes))
    variance, error = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for s in range(seeds):
        rng = np.random.default_rng([seed, s])
        held_out = rng.permutation(len(z)) < len(z) // 4
        for i, picks in enumerate(_rules(z[~held_out], int(sizes[-1]))):
            for j, n in enumerate(sizes):
                counts = picks(int(n), rng)
                variance[i, s, j] = worst_variance(z[~held_out], counts)
                error[i, s, j] = _error(z, y, len(names), held_out, counts, rng)
    dims = ("policy", "seed", "round")
    data = xr.Dataset(
        {"variance": (dims, variance), "error": (dims, error), "status": (dims[:2], np.zeros(shape[:2], np.int32))},
        {"policy": list(RULES), "seed": np.arange(seeds), "round": sizes},
    )
    config = {"study": "design", "pool": describe(z), "labels": describe(y), "sizes": sizes.tolist(), "seed": seed}
    return al.Study(data, manifest({**config, "seeds": seeds, "dimension": d}))


def worst_variance(x: np.ndarray, counts: np.ndarray) -> float:
    """The largest variance of a prediction on the pool, infinite where the picks do not span it."""
    information = (x * counts[:, None]).T @ x
    if np.linalg.matrix_rank(information) < x.shape[1]:
        return float("inf")
    return float(np.einsum("ij,ji->i", x, np.linalg.solve(information, x.T)).max())


def _rules(x: np.ndarray, most: int) -> Iterator[Picks]:
    for criterion in CRITERIA.values():
        yield functools.partial(_rounded, al.optimal_design(x, criterion, tol=1e-4).prune())
    greedy = al.go_greedy(x, most, rule="uncertain", repeat=True, prior=1e-3 * np.eye(x.shape[1])).picks
    centres = np.asarray(al.k_center(x.astype(np.float32), min(most, len(x))))
    for order in (greedy, centres):
        yield functools.partial(_first, order, len(x))
    yield lambda n, rng: _first(rng.permutation(len(x)), len(x), n, rng)


def _rounded(design: al.Design, n: int, rng: np.random.Generator) -> np.ndarray:
    return al.round_design(design, n)


def _first(order: np.ndarray, items: int, n: int, rng: np.random.Generator) -> np.ndarray:
    return np.bincount(order[:n], minlength=items)


def _error(
    z: np.ndarray, y: np.ndarray, classes: int, held_out: np.ndarray, counts: np.ndarray, rng: np.random.Generator
) -> float:
    asked = np.repeat(np.flatnonzero(~held_out), counts)
    wrong = (y[asked] + rng.integers(1, classes, len(asked))) % classes
    label = np.where(rng.random(len(asked)) < FLIP, wrong, y[asked])
    rows = z[asked]
    weights = np.linalg.solve(rows.T @ rows + 1e-3 * np.eye(z.shape[1]), rows.T @ np.eye(classes)[label])
    return float((np.argmax(z[held_out] @ weights, 1) != y[held_out]).mean())


def draw_variance(study: al.Study) -> StudyFigure:
    """Worst variance against n, with the bound d/n that no n picks can beat."""
    figure = al.plot.curve(study, "variance", log="xy", title="worst variance of a prediction, in units of the noise")
    axes = figure.axes[0]
    n, d = study.data["round"].values, study.manifest["config"]["dimension"]
    axes.plot(n, d / n, color="black", linestyle=":", label="d / n: no n picks do better")
    axes.set_xlabel("labels bought")
    legend = axes.get_legend()
    title = legend.get_title().get_text() if legend else ""
    axes.legend(fontsize=8, frameon=False, title=title, title_fontsize=8)
    return figure


def draw_error(study: al.Study) -> StudyFigure:
    """Held-out error against n."""
    figure = al.plot.curve(study, "error", log="x", title="error on held-out items, a tenth of the labels wrong")
    figure.axes[0].set_xlabel("labels bought")
    return figure


def design_table(study: al.Study) -> pd.DataFrame:
    """At the largest n: worst variance over d/n, and held-out error."""
    n, d = int(study.data["round"].values[-1]), study.manifest["config"]["dimension"]
    ratio = study.data["variance"].isel(round=-1) * (n / d)
    table = summarise(ratio)[["mean"]].rename(columns={"mean": "worst variance over d/n"})
    error = summarise(study.data["error"].isel(round=-1))
    return table.assign(**{"held-out error": error["mean"], "standard error": error["standard error"]})
