"""The studies of search: boxes at several scales of prices, and which language model to use."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Float

import altheory as al
from altheory.cli.outcomes import load_outcomes, recorded_outcomes
from altheory.sim.study import summarise

BOXES = 12
SCALES = {"cheap": 0.2, "fair": 1.0, "dear": 4.0}
USES, REWARD, ITEMS, WORKLOADS = 2000, 0.002, 50, 400
"""Answers a model will be used for, dollars a right one is worth, items an evaluation asks, workloads simulated."""


def _mean_less_price(belief: Any, menu: al.Menu, key: al.Key) -> Float[Array, "K"]:
    return belief.mean(menu) - menu.price


def searches(prize: Any, outside: float = 0.0) -> dict[str, Any]:
    """Weitzman's rule, greedy play with the same stop, one box at random, and opening everything."""
    belief = al.boxes(prize, outside=outside)
    return {
        "weitzman": al.pandora(prize, outside=outside),
        "greedy": al.Argmax(belief, _mean_less_price, al.weitzman_stop),
        "random": al.Argmax(belief, al.uniform, al.weitzman_stop),
        "opens all": al.random(belief),
    }


def gaussian_boxes(scale: float) -> al.BoxSearch:
    """A dozen Gaussian boxes, the uncertain ones dearer."""
    rng = np.random.default_rng(0)
    mean, sd = rng.normal(size=BOXES), rng.exponential(size=BOXES) + 0.1
    return al.BoxSearch(al.GaussianPrize(jnp.asarray(mean), jnp.asarray(sd)), jnp.asarray(scale * (0.05 + 0.1 * sd)))


@functools.cache
def model_search(path: Path | None = None) -> tuple[Any, al.TableSearch]:
    """Laws of each model's net worth on past workloads, and a search over workloads that are new.

    A workload is a stretch of items that resemble one another in difficulty; a model's worth is what its answers earn
    less what they cost over its uses, its price that of an evaluation on a few items. Outcomes are those of a file
    (`load_outcomes`), or recorded or simulated ones.
    """
    outcomes = load_outcomes(path) if path else recorded_outcomes()
    right, dollars = outcomes.right, outcomes.dollars
    if len(right) < 20 or right.shape[1] < 2:
        raise ValueError(f"which-model needs 20 items and 2 models at least; {path} has {len(right)}, {right.shape[1]}")
    rng = np.random.default_rng(1)
    order = np.argsort(right.mean(1) + 0.3 * rng.normal(size=len(right)))
    right, dollars = right[order], dollars[order]
    stretch = min(300, len(right) // 2)
    start = rng.integers(0, len(right) - stretch, WORKLOADS)
    picks = start[:, None] + rng.integers(0, stretch, (WORKLOADS, ITEMS))
    worth = USES * (REWARD * right[picks].mean(1) - dollars[picks].mean(1))
    past, new = worth[: WORKLOADS // 2], worth[WORKLOADS // 2 :]
    return al.SamplePrize(past.T), al.TableSearch(jnp.asarray(new), jnp.asarray(ITEMS * dollars.mean(0)))


def welfare_table(formula: float | None) -> Callable[[al.Study], pd.DataFrame]:
    """What each search was worth, how many boxes it opened, and how far it is from Weitzman's formula in errors."""

    def table(study: al.Study) -> pd.DataFrame:
        made = summarise(study.cumulative("welfare").isel(round=-1)).rename(columns={"mean": "welfare"})
        made["opened"] = study.cumulative("labels").isel(round=-1).mean("seed").values
        if formula is not None:
            made["formula"] = formula
            made["errors off"] = (made["welfare"] - formula) / made["standard error"]
        return made

    return table


def draw_welfare(study: al.Study) -> Any:
    """Welfare so far against boxes that could have been opened."""
    from altheory.plot import curve

    return curve(study, "welfare", cumulative=True)
