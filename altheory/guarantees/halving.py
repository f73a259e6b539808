"""The best arm on a budget: how often sequential halving returns another."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from altheory.core import record
from altheory.guarantees.elimination import wrong
from altheory.guarantees.evidence import Mean
from altheory.guarantees.guarantee import Case, guarantee
from altheory.oracles import BernoulliBandit
from altheory.policies.elimination import Phase
from altheory.policies.halving import SequentialHalving
from altheory.sim import study


@record
class _OnePull(SequentialHalving):
    """A mutant: one pull of each arm a round."""

    def _of_round(self, values: tuple[int, ...], number: Int[Array, ""]) -> Array:
        value = SequentialHalving._of_round(self, values, number)
        return value if values == self.kept else jnp.minimum(value, 1)


@record
class _KeepsTheWorst(SequentialHalving):
    """A mutant: the worst means are kept."""

    def ended(self, state: Phase) -> Phase:
        turned = state.replace(sums=-state.sums)  # type: ignore[attr-defined]
        after: Phase = SequentialHalving.ended(self, turned)
        return after


INSTANCES: dict[str, tuple[tuple[float, ...], int]] = {
    "all others tie": ((0.9, *[0.5] * 15), 1600),
    "two arms": ((0.7, 0.5), 200),
    "five arms, not a power of two": ((0.95, 0.6, 0.6, 0.2, 0.2), 400),
    "means near one": ((0.999, *[0.85] * 7), 480),
}


def _cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    for name, (means, budget) in INSTANCES.items():
        arms = np.roll(means, -1)  # the best arm last: ties and first picks do not favour it
        policy = algorithm(len(arms), budget)
        found = study(
            {name: policy},
            BernoulliBandit(jnp.asarray(arms)),
            jax.random.key(9),
            horizon=budget,
            seeds=trials,
            record=(wrong,),
        )
        gaps = tuple(float(g) for g in max(means) - np.sort(means)[::-1])
        yield Case(name, (gaps, budget), found.data.sel(policy=name)["wrong"].values[:, -1])


@guarantee(
    "P(sequential halving returns a wrong arm) <= sum over rounds of min over h of a factor times exp(-t_r gap^2)",
    id="sequential-halving",
    family="bandits",
    latex=r"P(\mathrm{err}) \le \sum_r\min_{1\le h\le s_r}\frac{n_r-h}{s_r-h+1}e^{-t_r\Delta_{h+1}^2}",
    cite="karnin2013almost",
    note="proofs_notes/sequential-halving.md",
    bounds=Mean(lambda run: np.asarray(run, np.float64)),
    ceiling=lambda gaps, budget: 1.0,
    algorithm=SequentialHalving,
    cases=_cases,
    mutants={"one pull a round": _OnePull, "keeps the worst": _KeepsTheWorst},
    trials=300,
)
def sequential_halving(gaps: tuple[float, ...], budget: int) -> float:
    """The probability of a wrong arm, for sorted `gaps` (the first is 0), rewards in [0, 1] and `budget` pulls.

    Of [0, 1] rewards, fresh in each round; a tie counts as an error. Cite: karnin2013almost.
    """
    left, total = len(gaps), 0.0
    rounds = max(math.ceil(math.log2(left)), 1)
    while left > 1:
        kept, pulls = math.ceil(left / 2), budget // (left * rounds)
        total += min(
            (left - h) / (kept - h + 1) * math.exp(-pulls * gaps[h] ** 2) for h in range(1, min(kept, left - 1) + 1)
        )
        left = kept
    return total


def sequential_halving_closed(gaps: tuple[float, ...], budget: int) -> float:
    r"""The closed form :math:`3\log_2K\exp(-\tfrac T{4H_2\log_2K})`, :math:`H_2 = \max_{i\ge2}i/\Delta_i^2`.

    For K a power of two and T a multiple of :math:`K\log_2K`. Cite: karnin2013almost.
    """
    hardness = max(i / gaps[i - 1] ** 2 if gaps[i - 1] > 0 else math.inf for i in range(2, len(gaps) + 1))
    log = math.log2(len(gaps))
    return 3 * log * math.exp(-budget / (4 * hardness * log))
