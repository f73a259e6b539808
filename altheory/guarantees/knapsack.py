"""Theorems on bandits with knapsacks: rewards against the linear program that knows every mean."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from altheory.guarantees import observe
from altheory.guarantees.evidence import Mean, WithProbability
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.oracles import KnapsackBandit
from altheory.policies import Knapsack, UcbKnapsack, bwk_lagrange, ucb_bwk
from altheory.policies.mirror import MirrorDescent
from altheory.sim import earned
from altheory.sim import study as run_study

DELTA = 0.1
Make = Callable[[int, Any, int], Any]
"""From a number of arms, budgets and a horizon to a policy."""


def best_rate(policy: Any, oracle: KnapsackBandit) -> float:
    r"""The most a mixture of arms earns a round within the limits, :math:`\max_pp^\top r`, :math:`C^\top p \le B/T`."""
    from scipy.optimize import linprog

    means, use = (np.asarray(x, np.float64) for x in (oracle.means, oracle.use))
    limit = np.append(np.asarray(policy.budget, np.float64) / policy.horizon, 1.0)
    return float(-linprog(-means, np.vstack([use.T, np.ones(len(means))]), limit).fun)


class Instance(NamedTuple):
    """Means, uses, budgets, horizon."""

    means: tuple[float, ...]
    use: tuple[tuple[float, ...], ...]
    budget: tuple[float, ...]
    horizon: int


def runs(policy: Any, oracle: KnapsackBandit, horizon: int, trials: int) -> np.ndarray:
    """The means of the arms pulled, summed over rounds, run by run."""
    study = run_study({"p": policy}, oracle, jax.random.key(0), horizon=horizon, seeds=trials, record=(earned,))
    study.raise_for_status()
    return np.asarray(study.data["earned"].astype(np.float64).sum("round").values[0])


def has_resources(policy: Any, oracle: Any) -> str | None:
    """Arms have fixed means and use up the resources that the policy has budgets for."""
    if not isinstance(oracle, KnapsackBandit):
        return f"{type(oracle).__name__} has no arms that use up resources"
    many, told = oracle.use.shape[1], policy.budget.shape[0]
    return None if many == told else f"the oracle has {many} resources and the policy budgets for {told}"


def plays_two_learners(policy: Any, oracle: Any) -> str | None:
    """The policy is Exp3 against Hedge, at the rates of the theorem."""
    players: list[Any] = [getattr(policy, name, None) for name in ("inner", "dual")]
    if not isinstance(policy, Knapsack) or not all(isinstance(p, MirrorDescent) for p in players):
        return "the policy is not bwk_lagrange"
    told = bwk_lagrange(players[0].belief.arms, policy.budget, policy.horizon)
    rates = all(
        np.isclose(float(mine.eta), float(its.eta)) and mine.full == its.full
        for mine, its in zip(players, (told.inner, told.dual), strict=True)
    )
    return None if rates else "its learning rates are not those of bwk_lagrange"


def plays_ucb(policy: Any, oracle: Any) -> str | None:
    """The policy draws from the best optimistic mixture, at the width of the theorem."""
    if not isinstance(policy, UcbKnapsack) or float(policy.width) != 1:
        return "the policy is not ucb_bwk"
    return None if float(policy.delta) <= DELTA else f"its delta is above {DELTA:g}"


LAGRANGE = {
    "two resources": Instance(
        (0.9, 0.6, 0.0), ((0.8, 0.3), (0.1, 0.5), (0.0, 0.0)), (3000.0, 3000.0), 6000
    ),
    "the best arm eats a scarce budget": Instance((1.0, 0.9, 0.0), ((1.0,), (0.0,), (0.0,)), (600.0,), 6000),
}  # fmt: skip


def _cases(instances: dict[str, Instance], honest: Make) -> Callable[[Make, int], Iterator[Case]]:
    """Instances as a study each, with what the run fell short of one reward a round."""

    def cases(algorithm: Make, trials: int) -> Iterator[Case]:
        for name, (means, use, budget, horizon) in instances.items():
            oracle = KnapsackBandit(jnp.array(means), jnp.array(use))
            policy = honest(len(means), budget, horizon)
            lost = horizon - runs(algorithm(len(means), budget, horizon), oracle, horizon, trials)
            yield Case(name, (policy, oracle), lost)

    return cases


def _unpriced(arms: int, budget: Any, horizon: int) -> Any:
    """A mutant whose resources cost nothing."""
    made: Any = bwk_lagrange(arms, budget, horizon)
    free = made.dual.belief.replace(loss=jnp.append(jnp.full(len(budget), 1e9), 0.0))
    return made.replace(dual=made.dual.replace(belief=free))


def _uniform(arms: int, budget: Any, horizon: int) -> Any:
    """A mutant that does not learn which arms pay."""
    made: Any = bwk_lagrange(arms, budget, horizon)
    return made.replace(inner=made.inner.replace(eta=0.0))


def _everything(policy: Any, oracle: KnapsackBandit) -> float:
    """No policy falls short of one reward a round by more than the horizon."""
    return float(policy.horizon)


@guarantee(
    "Exp3 against Hedge on the prices of resources loses at most its two regrets and T/B to the linear program",
    id="bwk-lagrange",
    family="budgets",
    latex=r"T\,\mathrm{LP} - \mathbb E\,\mathrm{REW} \le \bigl(\tfrac TB+1\bigr)\sqrt{2TK\ln K}"
    r" + \tfrac TB\sqrt{\tfrac T2\ln(m+1)} + \tfrac TB",
    cite="immorlica2022adversarial",
    note="proofs_notes/bwk-lagrange.md",
    bounds=Mean(as_array),
    assumes=[has_resources, plays_two_learners, observe.rewards_in_unit_interval],
    ceiling=_everything,
    algorithm=bwk_lagrange,
    cases=_cases(LAGRANGE, bwk_lagrange),
    mutants={"resources are free": _unpriced, "arms are drawn evenly": _uniform},
    trials=60,
)
def bwk_lagrange_regret(policy: Any, oracle: Any) -> float:
    r"""T less the expected reward: :math:`T(1-\mathrm{LP})` and the regret bound, with B the smallest budget.

    Cite: immorlica2022adversarial.
    """
    arms, resources = oracle.use.shape
    horizon, ratio = policy.horizon, policy.horizon / float(policy.budget.min())
    arm_regret = (ratio + 1) * math.sqrt(2 * horizon * arms * math.log(max(arms, 2)))
    price_regret = ratio * math.sqrt(horizon / 2 * math.log(resources + 1))
    return horizon * (1 - best_rate(policy, oracle)) + arm_regret + price_regret + ratio


UCB = {
    "a dear arm and a free one": Instance((1.0, 0.6), ((0.9,), (0.0,)), (30000.0,), 60000),
    "scarce": Instance((0.9, 0.8), ((1.0,), (0.1,)), (20000.0,), 60000),
}


def _honest(arms: int, budget: Any, horizon: int) -> UcbKnapsack:
    return ucb_bwk(arms, budget, horizon, delta=DELTA)


@guarantee(
    "Playing the best optimistic mixture loses at most (T LP / B)(1 + K + W + 2a) + K + W + a, with 1 - delta",
    id="ucb-bwk",
    family="budgets",
    latex=r"T\,\mathrm{LP} - \textstyle\sum_tr_{k_t} \le \tfrac{T\,\mathrm{LP}}B(1+K+W+2a) + K + W + a,\;"
    r" W = 2\sqrt{2LKT},\; a = \sqrt{\tfrac T2\ln\tfrac{2(2m+1)}\delta}",
    cite="agrawal2014bandits",
    note="proofs_notes/ucb-bwk.md",
    bounds=WithProbability(as_array, DELTA),
    assumes=[has_resources, plays_ucb, observe.rewards_in_unit_interval],
    ceiling=_everything,
    algorithm=_honest,
    cases=_cases(UCB, _honest),
    mutants={
        "plans for a shorter horizon": lambda arms, budget, horizon: _honest(arms, budget, int(min(budget))),
        "pessimistic": lambda arms, budget, horizon: _honest(arms, budget, horizon).replace(width=-1.0),  # type: ignore[attr-defined]
    },
    trials=12,
)
def ucb_bwk_regret(policy: Any, oracle: Any) -> float:
    r"""T less the summed means of the arms played: :math:`T(1-\mathrm{LP})` and the regret bound at the policy's delta.

    Cite: agrawal2014bandits.
    """
    arms, resources = oracle.use.shape
    horizon, delta, best = policy.horizon, float(policy.delta), best_rate(policy, oracle)
    level = math.log(4 * arms * (resources + 1) * horizon / delta)
    width = 2 * math.sqrt(2 * level * arms * horizon)
    luck = math.sqrt(horizon / 2 * math.log(2 * (2 * resources + 1) / delta))
    early = horizon * best / float(policy.budget.min()) * (1 + arms + width + 2 * luck)
    return horizon * (1 - best) + early + arms + width + luck
