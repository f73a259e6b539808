"""Theorems on what a stream's policy asks for and gets wrong, whatever the stream."""

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import nnls

from altheory.beliefs import Perceptron, finite
from altheory.core import Key, Menu, Outcome, Score, record
from altheory.guarantees import observe
from altheory.guarantees.disagreement import thresholds
from altheory.guarantees.evidence import Always, Mean
from altheory.guarantees.guarantee import Case, guarantee
from altheory.oracles import LabelStream
from altheory.policies import QueryRate, SelectiveSampling, selective_perceptron
from altheory.policies.streams import Pacing
from altheory.scores import least_confidence_score, margin_chance, margin_score, uniform
from altheory.sim import Round

RANGES = {margin_score: (-1.0, 0.0), least_confidence_score: (0.0, 1.0), uniform: (0.0, 1.0)}
"""The values that scores may take."""


def surplus(r: Round) -> Float[Array, ""]:
    """The metric that is the labels bought in the round less the rate."""
    return r.choice.valid.astype(r.menu.price.dtype) - r.policy.rate


def off_rate(run: Any) -> np.ndarray:
    """How many labels more or fewer than the rate says were bought so far, `[seeds, rounds]`."""
    return np.abs(np.cumsum(np.asarray(run["surplus"], np.float64), -1))


def keeps_a_rate(policy: Any, oracle: Any) -> str | None:
    """The policy is `QueryRate` with a score of known range."""
    if not isinstance(policy, QueryRate) or not isinstance(policy.score, Score):
        return "the policy keeps no rate of queries"
    known = policy.score.fn in RANGES
    return None if known else f"the range of {getattr(policy.score.fn, '__name__', policy.score.fn)} is not known"


def _rate_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    line = thresholds(12)
    oracle = LabelStream(np.c_[np.arange(12) / 12, np.ones(12)], line[4], flip=0.3)
    policies = {
        "a score that dies out": algorithm(finite(line, noise=0.01), least_confidence_score, 0.7, 0.2, 0.5),
        "a wrong start": algorithm(finite(line, noise=0.3), least_confidence_score, 0.1, 0.1, 1.0),
    }
    for name, policy in policies.items():
        yield observe.simulated(policy, oracle, f"rate, {name}", horizon=600, trials=trials, record=(surplus,))


@record
class _Fixed(QueryRate):
    """A mutant: the threshold stays."""

    def update(self, state: Pacing, menu: Menu, choice: Any, outcome: Outcome) -> Pacing:
        return QueryRate.update(self, state, menu, choice, outcome).replace(threshold=state.threshold)  # type: ignore[attr-defined]


@record
class _Backwards(QueryRate):
    """A mutant: the threshold falls where a label was bought."""

    def update(self, state: Pacing, menu: Menu, choice: Any, outcome: Outcome) -> Pacing:
        moved = QueryRate.update(self, state, menu, choice, outcome)
        return moved.replace(threshold=2 * state.threshold - moved.threshold)  # type: ignore[attr-defined]


@guarantee(
    "A threshold moved by eta (asked - rate) keeps |labels - rate t| <= width / eta + 1 on every stream",
    id="query-rate",
    family="active learning",
    latex=r"\Bigl|\sum_{s\le t}Q_s-\rho t\Bigr|\le\frac w\eta+\max(\rho,1-\rho)",
    cite="gibbs2021adaptive",
    note="proofs_notes/query-rate.md",
    bounds=Always(off_rate, tolerance=1e-4),
    assumes=[keeps_a_rate],
    ceiling=lambda policy, oracle, t: t * max(float(policy.rate), 1 - float(policy.rate)),
    algorithm=QueryRate,
    cases=_rate_cases,
    mutants={"the threshold stays": _Fixed, "the threshold moves backwards": _Backwards},
    trials=5,
)
def query_rate(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    """How far the labels bought after `t` items may be from the rate, either way. Cite: gibbs2021adaptive."""
    rate, step, start = (float(x) for x in (policy.rate, policy.step, policy.threshold))
    low, high = RANGES[policy.score.fn]
    width = max(high, start) - min(low, start)
    return np.full(np.shape(t), width / step + max(rate, 1 - rate))


def mistake(r: Round) -> Float[Array, ""]:
    """The metric that is 1 where the sign before the round is not the true class's (0 counts as wrong)."""
    sign = (2 * r.oracle.y[r.world.item] - 1).astype(r.menu.price.dtype)
    return (sign * r.before.belief.decision(r.menu)[0] <= 0).astype(r.menu.price.dtype)


def cumulative_mistakes(run: Any) -> np.ndarray:
    """Mistakes so far, `[seeds, rounds]`."""
    return np.cumsum(np.asarray(run["mistake"], np.float64), -1)


def largest_margin(x: np.ndarray, y: np.ndarray) -> float:
    r"""The largest :math:`\min_is_iu^\top x_i` over unit `u`, for classes 0 and 1 as signs; 0 where none separates.

    It is the distance of the origin from the convex hull of :math:`s_ix_i`, by nonnegative least squares.
    """
    z = (2 * y - 1)[:, None] * x
    scale = float(np.linalg.norm(z, axis=1).max())
    weights, _ = nnls(np.vstack([z.T / scale, np.ones(len(z))]), np.r_[np.zeros(x.shape[1]), 1.0])
    nearest = z.T @ weights / weights.sum()
    length = float(np.linalg.norm(nearest))
    return max(float((z @ nearest).min()) / length, 0.0) if length > 0 else 0.0


def _live(oracle: Any) -> tuple[np.ndarray, np.ndarray]:
    live = np.asarray(oracle.mass) > 0
    return np.asarray(oracle.X, np.float64)[live], np.asarray(oracle.y)[live]


def plays_selective_perceptron(policy: Any, oracle: Any) -> str | None:
    """The policy is the selective sampling perceptron."""
    chance = getattr(policy, "chance", None)
    plays = isinstance(policy, SelectiveSampling) and isinstance(chance, Score) and chance.fn is margin_chance
    return None if plays and isinstance(policy.belief, Perceptron) else "the policy is not the selective perceptron"


def separable(policy: Any, oracle: Any) -> str | None:
    """The oracle is a stream of two classes that a halfspace through the origin separates, with right labels."""
    if not isinstance(oracle, LabelStream) or oracle.classes != 2:
        return f"{type(oracle).__name__} is no stream of two classes"
    if float(np.max(oracle.flip)) > 0:
        return "labels may be wrong"
    return None if largest_margin(*_live(oracle)) > 1e-6 else "no halfspace through the origin separates the classes"


def _perceptron_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(40, 3))
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    x = x[np.abs(x[:, 0]) > 0.3][:24]
    for name, scale, b in (("unit items", 1.0, 0.5), ("long items", 30.0, 450.0), ("many questions", 1.0, 20.0)):
        oracle = LabelStream(scale * x, (x[:, 0] > 0).astype(int))
        yield observe.simulated(
            algorithm(3, b=b), oracle, f"perceptron, {name}", horizon=800, trials=trials, record=(mistake,)
        )


@record
class _Away(Perceptron):
    """A mutant: mistakes move the weights the wrong way."""

    def update(self, row: Menu, y: Any) -> Any:
        return Perceptron.update(self, row, 1 - y)


def _away(dim: int, *, b: float) -> SelectiveSampling:
    return SelectiveSampling(_Away(jnp.zeros(dim), jnp.int32(0)), selective_perceptron(dim, b=b).chance)


def _sure_chance(belief: Any, menu: Menu, key: Key, *, b: float = 1.0) -> Float[Array, "K"]:
    return 1 - b / (b + jnp.abs(belief.decision(menu)))


def _asks_when_sure(dim: int, *, b: float) -> SelectiveSampling:
    """A mutant: the chance grows with the margin."""
    made = selective_perceptron(dim, b=b)
    return SelectiveSampling(made.belief, Score({"b": b}, _sure_chance))


@guarantee(
    "The selective perceptron's expected mistakes on separable items are at most (2b + X^2)^2 / (8 b margin^2)",
    id="selective-perceptron",
    family="active learning",
    latex=r"\mathbb E\sum_tM_t\le\frac{(2b+X^2)^2}{8b\,\gamma^2}",
    cite="cesabianchi2006worst",
    note="proofs_notes/selective-perceptron.md",
    bounds=Mean(cumulative_mistakes),
    assumes=[plays_selective_perceptron, separable],
    ceiling=lambda policy, oracle, t: t,
    algorithm=selective_perceptron,
    cases=_perceptron_cases,
    mutants={"asks where it is sure": _asks_when_sure, "moves the wrong way": _away},
    trials=60,
)
def selective_perceptron_mistakes(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    """Expected mistakes of the selective perceptron up to item `t`, on any order of separable items.

    Cite: cesabianchi2006worst.
    """
    x, y = _live(oracle)
    b = float(policy.chance.hyper["b"])
    longest, margin = float((x**2).sum(1).max()), largest_margin(x, y)
    return np.full(np.shape(t), (2 * b + longest) ** 2 / (8 * b * margin**2))
