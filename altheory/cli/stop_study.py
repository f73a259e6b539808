"""The `stopping` study: every stop rule on the same recorded runs, over a grid of error costs."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Array
from scipy import stats

import altheory as al
from altheory.cli.stop_traces import READ, STOP_SET, STRATEGIES, Labelled, Runs, every_trace
from altheory.plot.figure import StudyFigure, canvas, style
from altheory.sim.manifest import manifest
from altheory.sim.study import Progress

RATIOS = tuple(float(r) for r in np.geomspace(10, 1e4, 7))
"""What errors would cost if all predictions were wrong, in prices of a label."""

REFERENCE = "cost optimum"

Make = Callable[[Any], al.StopRule]
"""From the stake to a rule."""


def _of_errors(make: Make) -> tuple[Make, bool]:
    return make, True


def _of_none(rule: al.StopRule) -> tuple[Make, bool]:
    return lambda stake: rule, False


RULES: Mapping[str, tuple[Make, bool]] = {
    "all labels": _of_none(al.AnyOf()),
    "10 labels": _of_none(al.at_least("labels", 10)),
    "30 labels": _of_none(al.at_least("labels", 30)),
    "100 labels": _of_none(al.at_least("labels", 100)),
    "plateau": _of_none(al.Plateau(0.0, 10)),
    "plateau, patient": _of_none(al.Patience(al.Plateau(0.01, 20), 3)),
    "agreement": _of_none(al.Patience(al.Agreement(STOP_SET, 0.99, 10), 3)),
    "mean uncertainty": _of_none(al.at_most("uncertainty", 0.1)),
    "largest uncertainty": _of_none(al.at_most("largest", 0.3)),
    "error below 10 %": _of_none(al.error_below(0.1, 0.05)),
    "PAC bound": _of_none(al.occam_bound(math.log(1e6), 0.1)),
    "model's gain": _of_errors(al.price_above_gain),
    "balance": _of_errors(al.cost_balance),
    "cost plateau": _of_errors(partial(al.CostPlateau, window=10)),
    REFERENCE: _of_errors(al.CostOptimum),
}
"""Every rule, and whether it knows what errors cost. Pandora's stop is for what does not add up, and not for labels."""


@jax.jit
def _says(rule: al.StopRule, columns: dict[str, Array]) -> Array:
    return jax.vmap(lambda one: al.replay(rule, one))(columns)


@jax.jit
def _says_each(rules: al.StopRule, columns: dict[str, Array]) -> Array:
    return jax.vmap(lambda rule: _says(rule, columns))(rules)


def decisions(name: str, columns: dict[str, Array], rounds: int) -> np.ndarray:
    """Where a rule stops, `[ratios, runs]`, in runs that end after `rounds` readings."""
    make, knows = RULES[name]
    one = make(RATIOS[0])
    seen = {k: columns[k] for k in ("labels", *one.reads)}
    says = _says_each(jax.vmap(make)(jnp.asarray(RATIOS)), seen) if knows else _says(one, seen)[None]
    at = np.asarray(al.stopping_point(says[..., :rounds]))
    return np.broadcast_to(at, (len(RATIOS), at.shape[-1]))


def longest(runs: Runs, items: int, rounds: int) -> dict[str, Array]:
    """The runs' readings, continued as they ended up to `rounds`: all pools share one program. With audits."""
    n = runs["labels"].shape[1]
    out = {k: np.concatenate([v, np.repeat(v[:, -1:], rounds - n, 1)], 1) for k, v in runs.items()}
    mistakes = np.round(out["error"] * items).astype(np.float32)
    return {k: jnp.asarray(v) for k, v in out.items()} | {
        "mistakes": jnp.asarray(mistakes),
        "audits": jnp.full(mistakes.shape, float(items)),
    }


def stop_study(
    pools: dict[str, Callable[[], Labelled]], *, most: int, seeds: int, seed: int, folder: Path | None = None,
    progress: Progress | None = None,
) -> al.Study:  # fmt: skip
    """What every rule pays, against the best stop of each run in hindsight, by its error on items no rule has seen.

    Variables `cost`, `labels` `[policy, pool, seed, round]`, `best` `[pool, seed, round]` and `best_fixed` `[pool,
    round]`, the least that one number of labels for all seeds costs; in prices of a label. `round` is the error cost.
    The validation set's labels are taken as given, alike for all rules.
    """
    names, costs, bought, best, average = [], [], [], [], []
    for name, items, runs in every_trace(
        pools, seeds=seeds, most=most, seed=seed, folder=folder, progress=progress
    ):  # fmt: skip
        n = runs["labels"].shape[1]
        columns = longest(runs, items, most + 1)
        total = runs["spent"] + np.array(RATIOS)[:, None, None] * runs["test"].astype(np.float64)
        at = np.stack([decisions(rule, columns, n) for rule in RULES])
        costs.append(np.take_along_axis(np.broadcast_to(total, (len(RULES), *total.shape)), at[..., None], -1)[..., 0])
        bought.append(np.take_along_axis(np.broadcast_to(runs["labels"], total.shape)[None], at[..., None], -1)[..., 0])
        best.append(total.min(-1))
        average.append(total.mean(1).min(-1))
        names.append(name)
    dims = ("policy", "pool", "seed", "round")
    data = xr.Dataset(
        {
            "cost": (dims, np.stack(costs, 1).swapaxes(2, 3).astype(np.float32)),
            "labels": (dims, np.stack(bought, 1).swapaxes(2, 3).astype(np.int32)),
            "best": (dims[1:], np.stack(best).swapaxes(1, 2).astype(np.float32)),
            "best_fixed": (("pool", "round"), np.stack(average).astype(np.float32)),
            "status": (dims[:3], np.zeros((len(RULES), len(names), seeds), np.int32)),
        },
        {"policy": list(RULES), "pool": names, "seed": np.arange(seeds), "round": np.array(RATIOS)},
    )
    config = {"study": "stopping", "pools": names, "most": most, "seeds": seeds, "seed": seed, "read": list(READ)}
    return al.Study(data, manifest({**config, "ratios": list(RATIOS), "strategies": list(STRATEGIES)}))


def lost(study: al.Study) -> xr.DataArray:
    """The share of the hindsight optimum's cost that a rule lost, `[policy, pool, round]`: of means over seeds."""
    best = study.data["best"].astype(np.float64).mean("seed")
    return study.data["cost"].astype(np.float64).mean("seed") / best - 1


def stop_table(study: al.Study) -> pd.DataFrame:
    """Loss over all pools and error costs, at the ends and in the middle, and the paired difference to `cost optimum`.

    `lost to the best n`: beyond the best number of labels for a pool in hindsight, the same in all of its runs.
    `p`: a two-sided t-test of that difference over data sets, both strategies of each together; `labels` bought on
    average.
    """
    share = lost(study)
    table = pd.DataFrame(index=pd.Index(study.data.policy.values, name="policy"))
    table["lost"] = share.mean(("pool", "round")).values
    for ratio in study.data["round"].values[[0, len(RATIOS) // 2, -1]]:
        table[f"lost at {ratio:.0f}"] = share.sel(round=ratio).mean("pool").values
    fixed = study.data["cost"].astype(np.float64).mean("seed") / study.data["best_fixed"] - 1
    table["lost to the best n"] = fixed.mean(("pool", "round")).values
    table["labels"] = study.data["labels"].mean(("pool", "seed", "round")).values
    if REFERENCE in table.index and study.data.sizes["pool"] > 1:
        source = [str(name).split(", ")[0] for name in study.data.pool.values]
        each = share.mean("round").assign_coords(source=("pool", source)).groupby("source").mean()
        more = (each - each.sel(policy=REFERENCE)).transpose("policy", "source").values
        table[f"over {REFERENCE}"] = more.mean(1)
        table["p"] = [float("nan") if np.ptp(m) == 0 else float(stats.ttest_1samp(m, 0).pvalue) for m in more]
    return table.sort_values("lost")


def draw_stops(study: al.Study) -> StudyFigure:
    """Loss against the error cost, a curve a rule, both axes logarithmic."""
    figure, axes = canvas(study.manifest, width=8.5, height=5.0)
    share = lost(study).mean("pool")
    order = share.mean("round").sortby(share.mean("round"), ascending=True).policy.values
    for i, name in enumerate(order):
        look = style(i) | {"markevery": 1, "linewidth": 2.2 if name == REFERENCE else 1.2}
        axes.plot(study.data["round"], share.sel(policy=name), label=str(name), **look)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("cost if every prediction were wrong, in prices of a label")
    axes.set_ylabel("cost beyond the hindsight optimum, as a share of it")
    pools, seeds = study.data.sizes["pool"], study.data.sizes["seed"]
    axes.legend(
        fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), title_fontsize=7,
        title=f"{pools} pools and strategies,\n{seeds} seeds each",
    )  # fmt: skip
    return figure
