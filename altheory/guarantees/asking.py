"""The theorem on asking only when unsure: how often that can be."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from altheory.beliefs import Logistic
from altheory.beliefs.newton import one_bend
from altheory.core import score
from altheory.guarantees import observe
from altheory.guarantees.evidence import Always
from altheory.guarantees.guarantee import Case, guarantee
from altheory.oracles import ContextualDuels, SampledStream
from altheory.policies import Argmax, Unsure, contextual_duels
from altheory.scores import mean_score, width_score
from altheory.sim import labels

HORIZON, PRIOR, UNSURE, LENGTH = 300, 1.0, 1.0, 2.0
Make = Callable[[Any], Any]
"""From a policy that asks always to one that asks when unsure."""


def gates_by_width(policy: Any, oracle: Any) -> str | None:
    """The policy asks where the width of a logistic belief is above a number, and forgets no label."""
    if not isinstance(policy, Unsure) or policy.gate.fn is not score(width_score).fn:
        return "the policy does not ask by width_score"
    belief = getattr(policy.inner, "belief", None)
    if not isinstance(belief, Logistic) or belief.classes != 2:
        return "its belief is not logistic with two classes"
    return None if float(policy.above) > 0 else "it asks however sure it is"


def equally_noisy(policy: Any, oracle: Any) -> str | None:
    """Every row tells equally much: labels are wrong with one probability, below one half."""
    if isinstance(oracle, ContextualDuels):
        return None
    if not isinstance(oracle, SampledStream) or oracle.classes != 2:
        return f"{type(oracle).__name__} states no single error rate of two classes"
    return None if float(oracle.flip) < 0.5 else f"labels are wrong with probability {float(oracle.flip):g}"


def asked(run: Any) -> np.ndarray:
    """Labels paid for so far, `[seeds, rounds]`."""
    return np.cumsum(np.asarray(run["labels"], np.float64), -1)


def _sphere(key: Any) -> tuple[Any, Any]:
    x = jax.random.normal(key, (3,))
    return LENGTH * x / jnp.linalg.norm(x), (x[0] > 0).astype(jnp.int32)


def _cases(algorithm: Make, trials: int) -> Iterator[Case]:
    duel = contextual_duels(3, prior=PRIOR, capacity=HORIZON)
    label = Argmax(duel.belief, mean_score)
    problems = {
        "duels": (duel, ContextualDuels(jnp.array([2.0, -1.0, 0.5]), 4)),
        "a stream": (label, SampledStream(_sphere, 50, flip=0.3)),
    }
    for name, (inner, oracle) in problems.items():
        made = observe.simulated(algorithm(inner), oracle, name, horizon=HORIZON, trials=trials, record=(labels,))
        yield Case(name, (Unsure(inner, width_score, UNSURE), oracle), made.run, made.rounds)


@guarantee(
    "Asking only where the width is above G takes at most d log(1 + n c L^2 / d lambda) / log(1 + c G^2) labels",
    id="unsure-queries",
    family="labelling",
    latex=r"n_{\mathrm{asked}} \le \frac{d\ln(1 + ncL^2/(d\lambda))}{\ln(1+c\Gamma^2)}",
    cite="ji2024reinforcement",
    note="proofs_notes/unsure-queries.md",
    bounds=Always(asked),
    assumes=[gates_by_width, equally_noisy],
    ceiling=lambda policy, oracle, t: t,
    algorithm=lambda inner: Unsure(inner, width_score, UNSURE),
    cases=_cases,
    mutants={
        "asks always": lambda inner: inner,
        "asks when half as unsure": lambda inner: Unsure(inner, width_score, UNSURE / 4),
    },
    trials=8,
)
def unsure_queries(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    """The most labels paid for in `t` rounds; n is that number itself, or the round where guesses are learned too.

    Rows are at most L = 2 long, as differences of unit vectors are; c = (1 - 2 flip) / 4. Cite: ji2024reinforcement.
    """
    bend = float(one_bend(jnp.asarray(getattr(oracle, "flip", 0.0)), 2))
    belief, gate = policy.inner.belief, float(policy.above)
    dim, prior = belief.weights.shape[-1], float(belief.prior)

    def most(n: np.ndarray) -> np.ndarray:
        return dim * np.log1p(n * bend * LENGTH**2 / (dim * prior)) / math.log1p(bend * gate**2)

    rounds = np.asarray(t, np.float64)
    found = np.minimum(rounds, most(rounds))
    while not policy.guess and (most(found) < found - 1e-9).any():
        found = np.minimum(found, most(found))
    return found
