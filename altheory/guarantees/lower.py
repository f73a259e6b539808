"""Lower bounds: what a game between two instances costs any policy, and Lai and Robbins' rate."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from altheory.beliefs import counts
from altheory.guarantees.evidence import Equals
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.guarantees.stochastic import bernoulli_kl
from altheory.guarantees.tree import along, chances, every_path
from altheory.oracles import BernoulliBandit, GaussianBandit
from altheory.policies import Epsilon, Softmax, epsilon_decreasing, exp3, ucb1
from altheory.scores import mean_score

Means = Float[np.ndarray, "K"]


@dataclass(frozen=True)
class LowerBound:
    """What no policy of a kind can beat, drawn beside upper bounds: `bound(oracle, t)` at rounds `t`, and its claim.

    `None` where it says nothing about an oracle. An asymptotic bound is no test of a run.
    """

    id: str
    claim: str
    cite: str
    note: str
    bound: Callable[[Any, np.ndarray], np.ndarray | None]


def _lai_robbins(oracle: Any, t: np.ndarray) -> np.ndarray | None:
    if not isinstance(oracle, (BernoulliBandit, GaussianBandit)):
        return None
    means = np.asarray(oracle.means, np.float64)
    gaps = means.max() - means
    wrong = gaps > 0
    if isinstance(oracle, BernoulliBandit):
        apart = bernoulli_kl(means[wrong], means.max())
    else:
        apart = gaps[wrong] ** 2 / (2 * np.broadcast_to(np.asarray(oracle.sd, np.float64), means.shape)[wrong] ** 2)
    return np.log(t) * (gaps[wrong] / apart).sum()


lai_robbins = LowerBound(
    "lai-robbins",
    "liminf R_t / ln t >= sum of gap / KL(arm, best), for every policy whose regret is o(t^a) for all a > 0 everywhere",
    "lai1985asymptotically",
    "proofs_notes/divergence-decomposition.md",
    _lai_robbins,
)
"""Lai and Robbins' lower bound on Bernoulli and Gaussian arms (in the limit; not a bound at a fixed round)."""


def game(policy: Any, means: Means, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every choice and 0/1 reward of a game on Bernoulli arms: choices and rewards `[paths, steps]`, and the chance
    `[paths]` of each under `means`. The policy's scores must not be random.
    """
    both = every_path(2 * len(means), steps)
    items, rewards = both // 2, (both % 2).astype(np.float64)
    laws, _ = along(policy, BernoulliBandit(jnp.asarray(means)), items, rewards=rewards)
    pays = np.where(rewards > 0, means[items], 1 - means[items])
    return items, rewards, chances(laws, items) * pays.prod(1)


def pulls(items: np.ndarray, chance: np.ndarray, arms: int) -> Means:
    """How often each arm is played on average."""
    return np.array([chance @ (items == i).sum(1) for i in range(arms)])


Counting = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]
"""From choices, their chances under both instances, and the number of arms, to the pulls that are counted."""


def _cases(algorithm: Counting, trials: int) -> Iterator[Case]:
    here, there, steps = np.array([0.3, 0.6]), np.array([0.8, 0.45]), 4
    policies = {
        "softmax": Softmax(counts(2), mean_score, 0.3),
        "epsilon and ucb1": Epsilon(ucb1(2), 0.2),
        "fading epsilon": epsilon_decreasing(2, 0.5, c=0.2),
        "exp3": exp3(2, eta=0.5),
    }
    for name, policy in policies.items():
        items, _, p = game(policy, here, steps)
        q = game(policy, there, steps)[2]
        seen = (p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum()
        yield Case(name, (here, there, algorithm(items, p, q, 2)), [seen])


@guarantee(
    "KL between the runs of a policy on two instances = sum over arms of mean pulls on the first times KL of the arms",
    id="divergence-decomposition",
    family="bandits",
    latex=r"\mathrm{KL}(P_\nu, P_{\nu'}) = \sum_i\mathbb E_\nu[N_i]\,\mathrm{KL}(\nu_i, \nu_i')",
    cite="lattimore2020bandit",
    note="proofs_notes/divergence-decomposition.md",
    bounds=Equals(as_array, tolerance=1e-5),
    algorithm=lambda items, p, q, arms: pulls(items, p, arms),
    cases=_cases,
    mutants={
        "pulls on the other instance": lambda items, p, q, arms: pulls(items, q, arms),
        "every arm alike": lambda items, p, q, arms: np.full(arms, items.shape[1] / arms),
    },
)
def divergence_decomposition(here: Means, there: Means, counted: Means) -> np.ndarray:
    """The divergence of the runs on Bernoulli arms of means `here` and `there`, from mean pulls on the first.

    Cite: lattimore2020bandit.
    """
    return np.array([counted @ bernoulli_kl(here, there)])


def two_point_regret(gap: float, rounds: int, divergence: float) -> float:
    r"""What two instances cost together, :math:`\frac{n\Delta}4e^{-\mathrm{KL}}`, where each pays `gap` a wrong pull.

    Cite: lattimore2020bandit.
    """
    return rounds * gap / 4 * math.exp(-divergence)
