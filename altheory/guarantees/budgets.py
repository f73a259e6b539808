"""Theorems on money."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from altheory.beliefs import counts, logistic
from altheory.core import Choice, Key, Menu, record
from altheory.guarantees import observe
from altheory.guarantees.evidence import Always
from altheory.guarantees.guarantee import Case, guarantee
from altheory.oracles import BernoulliBandit, LabelPool
from altheory.policies import Argmax, Batched, Budgeted, Softmax
from altheory.policies.combine import SLACK, Purse
from altheory.scores import entropy_score, per_dollar, ucb1_index, uniform
from altheory.sim import cost


@record
class _PaysLater(Budgeted):
    """A mutant: asks whether money is left, not whether the price fits."""

    def affords(self, spent: tuple[jax.Array, jax.Array], price: jax.Array) -> jax.Array:
        return jnp.broadcast_to(spent[0] < self.budget, price.shape)


@record
class _BatchesBlindly(Budgeted):
    """A mutant: each item of a batch fits alone."""

    def select(self, state: Purse, menu: Menu, key: Key) -> Choice:
        return self.inner.select(state.inner, menu.closing(~self.affords(state.spent, menu.price)), key)


def _cases(algorithm: Callable[[Any, float], Any], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    belief = logistic(3)
    prices = {
        "cents": (jnp.array([0.1, 0.3]), 2.0),
        "wild": (jnp.array(10.0 ** rng.uniform(-4, 2, 4)), 30.0),
        "free and dear": (jnp.array([0.0, 7.0]), 20.0),
    }
    for name, (price, budget) in prices.items():
        pool = LabelPool(x, y, price, 0.1)
        for how, inner in (
            ("one by one", Argmax(belief, per_dollar(entropy_score))),
            ("in batches", Batched(Softmax(belief, uniform), 6)),
        ):
            label = f"budget, {name}, {how}"
            yield observe.simulated(
                algorithm(inner, budget), pool, label, horizon=120, trials=max(trials // 10, 5), record=(cost,)
            )
    arms = algorithm(Argmax(counts(3), ucb1_index), 50.0)
    yield observe.simulated(
        arms, BernoulliBandit(jnp.array([0.2, 0.5, 0.8])), "budget, pulls", horizon=80, trials=5, record=(cost,)
    )


@guarantee(
    "What a budgeted policy has spent never exceeds its budget (to the 2^-22 that float32 prices resolve)",
    id="budget-kept",
    family="budgets",
    latex=r"\sum_{s\le t} c_s \le B(1 + 2^{-22})",
    cite="badanidiyuru2018bandits",
    note="proofs_notes/budget-kept.md",
    bounds=Always(observe.cumulative_cost),
    assumes=[observe.is_budgeted, observe.costs_at_most_price],
    ceiling=lambda policy, oracle, t: np.full(np.shape(t), _all_there_is(oracle, t)),
    algorithm=Budgeted,
    cases=_cases,
    mutants={"pays while money is left": _PaysLater, "batches item by item": _BatchesBlindly},
    trials=100,
)
def budget_kept(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    """The budget, at every round. Cite: badanidiyuru2018bandits."""
    return np.full(np.shape(t), float(np.float32(policy.budget)) * (1 + SLACK))


def _all_there_is(oracle: Any, t: np.ndarray) -> float:
    """What a run could cost at most: every item once, or the dearest one every round."""
    price = np.asarray(oracle.offer(oracle.init(jax.random.key(0))).price, np.float64)
    return float(price.sum() if hasattr(oracle, "exam") else price.max() * np.max(t))
