"""The study of duels: regret on orders and cycles, and duels with features, asked about or not."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

import altheory as al
from altheory.sim.study import summarise

ITEMS, DIM, ARMS, CAPACITY = 6, 4, 5, 600
UNSURE = 0.5


def instances() -> dict[str, al.DuelBandit]:
    """Strengths in an order, and a winner of all among losers that beat each other in a circle."""
    strength = np.linspace(0, 2, ITEMS)
    order = 1 / (1 + np.exp(strength[None] - strength[:, None]))
    cycle = np.full((ITEMS, ITEMS), 0.5)
    for i in range(ITEMS - 1):
        j = (i + 1) % (ITEMS - 1)
        cycle[i, j], cycle[j, i] = 0.9, 0.1
    cycle[-1, :-1], cycle[:-1, -1] = 0.65, 0.35
    return {"order": al.DuelBandit(jnp.asarray(order)), "cycle": al.DuelBandit(jnp.asarray(cycle))}


def duellists() -> dict[str, Any]:
    """Policies for items without features."""
    return {
        "rucb": al.rucb(ITEMS, delta=0.1),
        "double thompson": al.double_thompson(ITEMS),
        "random": al.random(al.duels(ITEMS)),
    }


def contextual() -> tuple[dict[str, Any], al.ContextualDuels]:
    """Policies for arms with features, and what they duel on."""
    theta = np.array([3.0, -1.5, 0.5, 0.0])
    policies = {
        "all asked": al.contextual_duels(DIM, capacity=CAPACITY),
        "asked when unsure": al.contextual_duels(DIM, unsure=UNSURE, capacity=CAPACITY),
        "random": al.random(al.logistic(DIM, capacity=8)),
    }
    return policies, al.ContextualDuels(jnp.asarray(theta, jnp.float32), ARMS)


def duels_table(study: al.Study) -> pd.DataFrame:
    """Regret at the end."""
    return summarise(study.cumulative("regret").isel(round=-1)).rename(columns={"mean": "regret"})


def contextual_table(study: al.Study) -> pd.DataFrame:
    """Regret of what was shown at the end, and how many duels were asked about, with the most that can be."""
    made = summarise(study.cumulative("shown_regret").isel(round=-1)).rename(columns={"mean": "regret"})
    made["asked"] = study.cumulative("labels").isel(round=-1).mean("seed").values
    end, policies = np.asarray(study.data["round"].values[-1:], np.float64), study.policies or {}
    at_most = [
        float("nan") if al.unsure_queries.unmet(policies[str(n)], study.oracle)
        else float(al.unsure_queries.bound(policies[str(n)], study.oracle, end)[0])
        for n in made.index
    ]  # fmt: skip
    made["at most"] = at_most
    return made
