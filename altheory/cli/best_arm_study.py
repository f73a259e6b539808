"""The study of best arms: how often a budget is not enough, and how long it takes to be sure."""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Array, Float

import altheory as al
from altheory.guarantees.stochastic import bernoulli_kl
from altheory.plot.figure import StudyFigure, canvas, style
from altheory.sim import Round
from altheory.sim.manifest import manifest
from altheory.sim.study import Progress

MEANS = {"budget": (0.8, *[0.5] * 7, *[0.3] * 8), "confidence": (0.7, 0.5, 0.45, 0.4)}
"""Arms told apart within a budget, and with confidence."""

BUDGETS, DELTAS = 6, (0.2, 0.1, 0.03, 0.01, 1e-3)
BY_BUDGET = ("sequential halving", "successive halving", "equal shares", "ucb1")
BY_CONFIDENCE = ("track-and-stop", "lucb", "equal shares")
Table = Callable[[al.Study], pd.DataFrame]


def missed(r: Round) -> Float[Array, ""]:
    """The metric that is 1 where the arm recommended is not the best."""
    value, state = r.oracle.value(r.world), getattr(r.state, "inner", r.state)
    best = state.best if hasattr(state, "best") else jnp.argmax(state.belief.mean(r.menu))
    return (value[best] < value.max()).astype(value.dtype)


def budgets(most: int) -> list[int]:
    """Budgets up to `most`, the least of which pays for each round of halving once."""
    arms = len(MEANS["budget"])
    least = arms * math.ceil(math.log2(arms))
    if most < least:
        raise ValueError(f"--horizon must be at least {least} for {arms} arms; it is {most}")
    return sorted({round(b) for b in np.geomspace(least, most, BUDGETS)})


def by_budget(budget: int) -> dict[str, Any]:
    """Policies that recommend an arm after `budget` pulls."""
    arms = len(MEANS["budget"])
    return {
        "sequential halving": al.SequentialHalving(arms, budget),
        "successive halving": al.SequentialHalving(arms, budget, fresh=False),
        "equal shares": al.explore_then_commit(arms, budget),
        "ucb1": al.ucb1(arms),
    }


def by_confidence(delta: float) -> dict[str, Any]:
    """Policies that stop once the best arm is known with probability 1 - `delta`."""
    arms = len(MEANS["confidence"])
    evenly = al.score(al.explore_first, pulls=1e9)
    return {
        "track-and-stop": al.track_and_stop(arms, delta=delta),
        "lucb": al.lucb(arms, delta=delta),
        "equal shares": al.Argmax(al.counts(arms), evenly, al.best_arm_known(delta)),
    }


def best_arm_study(kind: str, *, most: int, seeds: int, seed: int, folder: Path, progress: Progress) -> al.Study:
    """Errors and pulls at each budget, or at each level of confidence: the study's rounds."""
    oracle = al.BernoulliBandit(jnp.asarray(MEANS[kind]))
    grid: list[Any] = budgets(most) if kind == "budget" else list(DELTAS)
    make: Callable[[Any], dict[str, Any]] = by_budget if kind == "budget" else by_confidence
    found: dict[str, list[np.ndarray]] = {"missed": [], "pulls": []}
    hashes, status, names = [], [], list(make(grid[0]))
    for at in grid:
        study = al.study(
            make(at), oracle, jax.random.key(seed), horizon=at if kind == "budget" else most, seeds=seeds,
            record=(missed, al.labels), checkpoint=folder,
            progress=functools.partial(_tell, progress, at),
        )  # fmt: skip
        study.raise_for_status()
        hashes.append(study.manifest["hash"])
        found["missed"].append(study.data["missed"].isel(round=-1).transpose("policy", "seed").values)
        found["pulls"].append(study.data["labels"].sum("round").transpose("policy", "seed").values)
        status.append(study.data["status"].transpose("policy", "seed").values)
    data: dict[str, Any] = {k: (("policy", "seed", "round"), np.stack(v, -1)) for k, v in found.items()}
    data["status"] = (("policy", "seed"), np.bitwise_or.reduce(status))
    made = xr.Dataset(data, {"policy": names, "seed": np.arange(seeds), "round": np.array(grid, np.float64)})
    config = {"study": f"best-arm {kind}", "parts": hashes, "grid": grid, "means": list(MEANS[kind])}
    return al.Study(made, manifest(config))


def _tell(progress: Progress, at: Any, name: str, done: int, seeds: int) -> None:
    progress(f"{name} at {at:g}", done, seeds)


def halving_bound(budget: float) -> float:
    """What the theorem on sequential halving says of a budget."""
    means = np.sort(np.asarray(MEANS["budget"]))[::-1]
    return min(1.0, float(al.sequential_halving.bound(tuple(float(g) for g in means[0] - means), int(budget))))


def least_pulls(delta: float) -> float:
    r"""The mean pulls that any rule needs, :math:`T^\star\,\mathrm{kl}(\delta, 1-\delta)`."""
    return al.characteristic_time(MEANS["confidence"]).time * float(bernoulli_kl(delta, 1 - delta))


def budget_table(study: al.Study) -> pd.DataFrame:
    """How often each policy recommends another arm, at each budget, and the theorem's bound."""
    grid = study.data["round"].values
    errors = study.data["missed"].mean("seed").transpose("policy", "round").values
    made = pd.DataFrame(errors, [str(n) for n in study.data.policy.values], [f"{b:g} pulls" for b in grid])
    made.loc["sequential-halving bound"] = [halving_bound(b) for b in grid]
    made.index.name = "share of seeds with another arm"
    return made


def confidence_table(study: al.Study) -> pd.DataFrame:
    """Mean pulls of each policy until it stops, at each level, its errors there, and the least that any rule needs."""
    grid = study.data["round"].values
    pulls = study.data["pulls"].mean("seed").transpose("policy", "round").values
    made = pd.DataFrame(pulls, [str(n) for n in study.data.policy.values], [f"delta {d:g}" for d in grid])
    made.loc["any rule, at least"] = [least_pulls(d) for d in grid]
    wrong = study.data["missed"].mean("seed").transpose("policy", "round").values
    made["errors at most"] = [*(f"{w.max():.2g}" for w in wrong), ""]
    made.index.name = "mean pulls"
    return made


def draw_budget(study: al.Study) -> StudyFigure:
    """Errors against the budget, with the bound."""
    figure, axes = canvas(study.manifest)
    grid, floor = study.data["round"].values, 0.5 / study.data.sizes["seed"]
    for i, name in enumerate(study.data.policy.values):
        error = study.data["missed"].sel(policy=name).mean("seed").values
        axes.plot(grid, np.maximum(error, floor), label=str(name), **(style(i) | {"markevery": 1}))
    axes.plot(grid, [halving_bound(b) for b in grid], color="#000000", linestyle=":", label="sequential-halving bound")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("pulls")
    axes.set_ylabel("share of seeds with another arm")
    axes.legend(fontsize=8, frameon=False)
    return figure


def draw_confidence(study: al.Study) -> StudyFigure:
    """Pulls until each policy stops against ln(1/δ), with 5 % to 95 % of seeds, and the least any rule needs."""
    figure, axes = canvas(study.manifest)
    grid = study.data["round"].values
    for i, name in enumerate(study.data.policy.values):
        pulls = study.data["pulls"].sel(policy=name).transpose("seed", "round").values
        look = style(i) | {"markevery": 1}
        axes.plot(np.log(1 / grid), pulls.mean(0), label=str(name), **look)
        low, high = np.quantile(pulls, [0.05, 0.95], axis=0)
        axes.fill_between(np.log(1 / grid), low, high, color=look["color"], alpha=0.15, linewidth=0)
    least = [least_pulls(d) for d in grid]
    axes.plot(np.log(1 / grid), least, color="#000000", linestyle=":", label="any rule, at least (characteristic time)")
    axes.set_ylim(0)
    axes.set_xlabel("ln(1/δ)")
    axes.set_ylabel("pulls; bands: 5 % to 95 % of seeds")
    axes.legend(fontsize=8, frameon=False)
    return figure
