"""What the studies of bandits are made of: instances, policies, and tables of regret beside what theorems say."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

import altheory as al
from altheory.guarantees.stochastic import lost_best as lost_best
from altheory.sim.study import summarise

BOUNDS = (al.ucb1_regret, al.kl_ucb_regret, al.thompson_bernoulli_regret, al.successive_elimination_regret)
SLOW = ("bayes-ucb", "ids")
"""Policies that take minutes, run where they are asked for."""


def instances() -> dict[str, al.BernoulliBandit]:
    """Bernoulli arms with wide gaps, close ones, and many; made when asked for, so that an import touches no device."""
    return {
        "wide": al.BernoulliBandit(jnp.array([0.3, 0.9, 0.5, 0.4])),
        "close": al.BernoulliBandit(jnp.array([0.5, 0.45, 0.55, 0.5])),
        "many": al.BernoulliBandit(jnp.linspace(0.05, 0.8, 16)[::-1]),
    }


def stochastic(arms: int, horizon: int) -> dict[str, Any]:
    """Policies for arms with fixed means."""
    pulls = max(1, round(horizon ** (2 / 3) / arms))
    return {
        "ucb1": al.ucb1(arms),
        "kl-ucb": al.kl_ucb(arms),
        "ucb-v": al.ucb_v(arms),
        "moss": al.moss(arms, horizon),
        "thompson": al.thompson_bernoulli(arms),
        "explore then commit": al.explore_then_commit(arms, pulls),
        "fading epsilon": al.EpsilonDecay(al.ucb1(arms, scale=0.0), 1.0 * arms, 2 / 3),
        "elimination": al.successive_elimination(arms, delta=0.1),
        "tsallis-inf": al.tsallis_inf(arms),
        "random": al.random(arms),
        "bayes-ucb": al.bayes_ucb(arms),
        "ids": al.information_directed(arms, draws=32),
    }


def table_of_losses(horizon: int) -> np.ndarray:
    """Rewards `[horizon, 3]`: the arm that is best at first is the worst later on, and a dull one is best overall."""
    rng = np.random.default_rng(0)
    first = np.arange(horizon)[:, None] < horizon // 3
    return (rng.random((horizon, 3)) < np.where(first, [0.9, 0.2, 0.55], [0.1, 0.5, 0.6])) * 1.0


def adversarial(horizon: int) -> dict[str, Any]:
    """Policies for the table, those for stochastic arms among them."""
    return {
        "exp3": al.exp3(3, horizon=horizon),
        "exp3-ix": al.exp3_ix(3, horizon=horizon),
        "tsallis-inf": al.tsallis_inf(3),
        "ucb1": al.ucb1(3),
        "thompson": al.thompson_bernoulli(3),
        "random": al.random(3),
    }


def changing(horizon: int) -> dict[str, tuple[dict[str, Any], Any]]:
    """Policies and oracle of each way to change: jumps, drift, and arms that rise with their pulls."""
    window = max(4, 2 * round(math.sqrt(horizon * math.log(horizon + 1) / 3)))
    policies = {
        "ucb1": al.ucb1(3),
        "thompson": al.thompson_bernoulli(3),
        "sw-ucb": al.sw_ucb(3, window),
        "sw-ucb, xi 0.2": al.sw_ucb(3, window, xi=0.2),
        "discounted": al.discounted_ucb(3, 1 - 1 / window),
        "restarts": al.m_ucb(3, 2 * (window // 4), horizon),
        "tsallis-inf": al.tsallis_inf(3),
        "random": al.random(3),
    }
    means = jnp.array([[0.9, 0.5, 0.2], [0.2, 0.5, 0.9], [0.5, 0.9, 0.2]])
    breaks = jnp.array([max(1, horizon // 3), max(2, 2 * horizon // 3)])
    late = np.minimum(0.1 + 0.8 * np.arange(horizon) / 200, 0.9)
    curves = np.stack([np.full(horizon, 0.6), late, np.full(horizon, 0.3)], 1)
    risers = {
        "ti-ucb": al.ti_ucb(3, noise=0.5),
        "ucb1": al.ucb1(3, noise=0.5),
        "sw-ucb": al.sw_ucb(3, window, noise=0.5),
        "random": al.random(3),
    }
    return {
        "jumps": (policies, al.PiecewiseBandit(means, breaks)),
        "drift": (policies, al.DriftingBandit(3, 0.5 / math.sqrt(horizon))),
        "rising": (risers, al.RisingBandit(jnp.asarray(curves), 0.1)),
    }


def bounds_table(
    bounds: Sequence[al.Guarantee], lower: Sequence[al.LowerBound] = ()
) -> Callable[[al.Study], pd.DataFrame]:
    """Regret at the end, the tightest bound that covers each policy, what the study says of it, and lower bounds."""

    def table(study: al.Study) -> pd.DataFrame:
        made = summarise(study.cumulative("regret").isel(round=-1)).rename(columns={"mean": "regret"})
        found = [(g, al.check(g, study)) for g in bounds]
        rows = [_tightest(study, found, str(name)) for name in made.index]
        made["bound"], made["theorem"], made["verdict"] = zip(*rows, strict=True)
        end = np.asarray(study.data["round"].values[-1:], np.float64)
        for below in lower:
            height = below.bound(study.oracle, end)
            made[below.id] = float("nan") if height is None else float(height[0])
        return made

    return table


def _tightest(
    study: al.Study, found: Sequence[tuple[al.Guarantee, Mapping[str, al.Verdict]]], name: str
) -> tuple[float, str, str]:
    end = np.asarray(study.data["round"].values[-1:], np.float64)
    policies = study.policies or {}
    covering = [
        (float(np.ravel(g.bound(policies[name], study.oracle, end))[-1]), g.id, verdicts[name].status)
        for g, verdicts in found
        if verdicts[name].status != "inapplicable"
    ]
    return min(covering, default=(float("nan"), "none", ""))


def losses_table(study: al.Study) -> pd.DataFrame:
    """Regret against the best fixed arm, and the bounds of the policies that have one."""
    made = summarise(study.cumulative("regret").isel(round=-1)).rename(columns={"mean": "regret"})
    rounds, arms = int(study.data.sizes["round"]), study.oracle.rewards.shape[1]
    known = {
        "exp3": float(al.exp3_regret.bound(rounds, arms)[1]),
        "exp3-ix": float(al.exp3_ix_regret.bound(rounds, arms, 0.05)),
    }
    made["bound"] = [known.get(str(name), float("nan")) for name in made.index]
    return made
