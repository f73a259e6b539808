"""The studies of search: boxes at several scales of prices, and which language model to use."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Float

import altheory as al
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


def recorded() -> tuple[np.ndarray, np.ndarray]:
    """Correctness and dollars `[items, models]`: recorded where ALTHEORY_DATA has them, else simulated."""
    folder = Path(os.environ.get("ALTHEORY_DATA", "../shared/data")) / "routing_zeroeval"
    if not (folder / "outcomes.parquet").is_file():
        rng = np.random.default_rng(0)
        skill, hard = np.linspace(-0.5, 2, 12), rng.normal(size=(1500, 1))
        right = rng.random((1500, 12)) < 1 / (1 + np.exp(hard - skill))
        return right.astype(float), 5e-5 * 1.5 ** np.arange(12) * rng.gamma(4, 0.25, right.shape)
    table = pd.read_parquet(folder / "outcomes.parquet")
    models = pd.read_csv(folder / "models.csv")
    table = table[~table.model.isin(models.model[models.hidden_reasoning])]
    wide = table.pivot(index="item", columns="model", values=["correct", "usd"])
    return wide["correct"].to_numpy(float), wide["usd"].to_numpy(float)


@functools.cache
def model_search() -> tuple[Any, al.TableSearch]:
    """Laws of each model's net worth on past workloads, and a search over workloads that are new.

    A workload is a stretch of items that resemble one another in difficulty; a model's worth is what its answers earn
    less what they cost over its uses, its price that of an evaluation on a few items.
    """
    right, dollars = recorded()
    rng = np.random.default_rng(1)
    order = np.argsort(right.mean(1) + 0.3 * rng.normal(size=len(right)))
    right, dollars = right[order], dollars[order]
    start = rng.integers(0, len(right) - 300, WORKLOADS)
    picks = start[:, None] + rng.integers(0, 300, (WORKLOADS, ITEMS))
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
