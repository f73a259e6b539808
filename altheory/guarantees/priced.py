"""The theorem on arms with prices: rewards per money under a budget."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from altheory.beliefs import counts
from altheory.guarantees import observe
from altheory.guarantees.evidence import Mean
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.oracles import PricedBandit
from altheory.policies import Argmax, Budgeted, budgeted_ucb
from altheory.scores import per_dollar, ucb1_index
from altheory.sim import earned
from altheory.sim import study as run_study

Make = Callable[[int, float], Any]
"""From a number of arms and a budget to a policy."""


def plays_budgeted_ucb(policy: Any, oracle: Any) -> str | None:
    """The policy is UCB1 per money within a budget."""
    inner: Any = getattr(policy, "inner", None)
    plays = isinstance(policy, Budgeted) and isinstance(inner, Argmax)
    by = plays and inner.score.fn is per_dollar(ucb1_index).fn and inner.score.numbers["inner"].fn is ucb1_index
    return None if by else "the policy is not budgeted_ucb"


def priced_arms(policy: Any, oracle: Any) -> str | None:
    """Arms have fixed prices above 0 and rewards in [0, 1], and the budget pays for each of them once."""
    if not isinstance(oracle, PricedBandit):
        return f"{type(oracle).__name__} has no arms with prices"
    return None if float(policy.budget) >= float(oracle.price.sum()) else "the budget does not pay for every arm once"


def regret_of(policy: Any, oracle: PricedBandit, trials: int) -> np.ndarray:
    r"""What the budget could earn at the best rate, less the means of the arms pulled, run by run."""
    horizon = math.ceil(float(policy.budget) / float(oracle.price.min())) + 1
    study = run_study({"p": policy}, oracle, jax.random.key(0), horizon=horizon, seeds=trials, record=(earned,))
    study.raise_for_status()
    best = float((np.asarray(oracle.means, np.float64) / np.asarray(oracle.price)).max())
    return np.asarray(float(policy.budget) * best - study.data["earned"].astype(np.float64).sum("round").values[0])


INSTANCES = {
    "the best arm is dear": ((0.9, 0.6, 0.3), (1.0, 0.5, 0.4), 4000.0),
    "the cheapest is best": ((0.5, 0.9, 0.4), (0.5, 1.0, 0.25), 2000.0),
}


def _cases(algorithm: Make, trials: int) -> Iterator[Case]:
    for name, (means, price, budget) in INSTANCES.items():
        oracle = PricedBandit(jnp.array(means), jnp.array(price))
        policy = budgeted_ucb(len(means), budget)
        yield Case(name, (policy, oracle), regret_of(algorithm(len(means), budget), oracle, trials))


def _ceiling(policy: Any, oracle: PricedBandit) -> float:
    """No policy loses more than the whole budget could earn."""
    rate = np.asarray(oracle.means, np.float64) / np.asarray(oracle.price)
    return float(policy.budget) * float(rate.max() - rate.min())


@guarantee(
    "Under a budget, UCB1 per money loses at most c_max rho + sum of 8 ln(B / c_min) / delta + (1 + pi^2/3) delta",
    id="budgeted-ucb",
    family="budgets",
    latex=r"\mathbb E R_B \le c_{\max}\rho^\star + \sum_{\delta_i>0}\frac{8\ln(B/c_{\min})}{\delta_i}"
    r" + \Bigl(1+\frac{\pi^2}3\Bigr)\delta_i,\quad \delta_i = c_i\rho^\star-\mu_i",
    cite="tranthanh2012knapsack",
    note="proofs_notes/budgeted-ucb.md",
    bounds=Mean(as_array),
    assumes=[priced_arms, plays_budgeted_ucb, observe.rewards_in_unit_interval],
    ceiling=_ceiling,
    algorithm=budgeted_ucb,
    cases=_cases,
    mutants={
        "no division by the price": lambda arms, budget: Budgeted(Argmax(counts(arms), ucb1_index), budget),
        "prices cubed": lambda arms, budget: Budgeted(Argmax(counts(arms), per_dollar(ucb1_index, power=3.0)), budget),
    },
    trials=60,
)
def budgeted_ucb_regret(policy: Any, oracle: Any) -> float:
    """The regret bound of `budgeted_ucb` against spending the whole budget at the best rate.

    Cite: tranthanh2012knapsack.
    """
    means, price = np.asarray(oracle.means, np.float64), np.asarray(oracle.price, np.float64)
    best = float((means / price).max())
    lost = price * best - means
    wrong = lost[lost > 1e-9]
    pulls = math.log(float(policy.budget) / price.min())
    return float(price.max() * best + (8 * pulls / wrong).sum() + (1 + math.pi**2 / 3) * wrong.sum())
