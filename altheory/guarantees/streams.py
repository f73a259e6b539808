"""Theorems on streams of items whose labels are bought at random, by enumeration of every coin and in the loop."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.beliefs import Finite, finite
from altheory.core import Key, Menu, record
from altheory.guarantees.disagreement import errors_of, excess, thresholds
from altheory.guarantees.evidence import Equals, WithProbability
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array, simulated
from altheory.oracles import LabelStream
from altheory.policies import IWAL
from altheory.policies.streams import Weighing
from altheory.scores import importance_weighted_risk
from altheory.sim import simulate

Estimate = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]


def _stream(losses: np.ndarray, mass: np.ndarray, steps: int) -> tuple[np.ndarray, ...]:
    """Every stream and every row of coins: its losses, probabilities and coins `[n, steps]`, and its chance `[n]`.

    The chance of asking depends on the item and on the losses bought before.
    """
    rows = []
    for items in itertools.product(range(len(losses)), repeat=steps):
        for coins in itertools.product((0, 1), repeat=steps):
            prob, chance, bought = [], 1.0, 0.0
            for item, coin in zip(items, coins, strict=True):
                prob.append(0.1 + 0.8 / (1 + item + bought))
                chance *= mass[item] * (prob[-1] if coin else 1 - prob[-1])
                bought += coin * losses[item]
            rows.append((losses[list(items)], prob, coins, chance))
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def _cases(algorithm: Estimate, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    for steps in (1, 3):
        losses, mass = rng.exponential(size=3), rng.dirichlet(np.ones(3))
        loss, prob, asked, chance = _stream(losses, mass, steps)
        mean = chance @ np.asarray(algorithm(loss, prob, asked), np.float64)
        yield Case(f"{steps} steps", (losses, mass), [mean])


def _clipped(loss: np.ndarray, prob: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """A mutant: weights of at most 2."""
    return np.asarray((loss * asked * np.minimum(1 / prob, 2)).mean(1))


def _stale(loss: np.ndarray, prob: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """A mutant: the probability of the step before."""
    return np.asarray((loss * asked / np.c_[prob[:, :1], prob[:, :-1]]).mean(1))


@guarantee(
    "Losses weighted by one over the probability of asking have the stream's mean loss for their expected mean",
    id="iwal-unbiased",
    family="active learning",
    latex=r"\mathbb E\,\tfrac1T\sum_t\frac{Q_t}{p_t}\ell(h(x_t),y_t) = L(h)",
    cite="beygelzimer2009importance",
    note="proofs_notes/iwal-unbiased.md",
    bounds=Equals(as_array, tolerance=1e-5),
    algorithm=importance_weighted_risk,
    cases=_cases,
    mutants={
        "no weights": lambda loss, prob, asked: (loss * asked).sum(1) / np.maximum(asked.sum(1), 1),
        "weights clipped at 2": _clipped,
        "the probability of the step before": _stale,
    },
)
def iwal_unbiased(losses: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """The mean of `losses [pairs]` under their `mass [pairs]`. Cite: beygelzimer2009importance."""
    return np.array([losses @ mass])


DELTA, ITEMS, LEAST = 0.1, 1000, 0.25


@record
class _Curious(IWAL):
    """IWAL with chances a little above the least, that depend on what was seen before."""

    def chance(self, belief: Finite, menu: Menu) -> Float[Array, "K"]:
        return self.least + 0.1 * (1 - jnp.asarray(self.least)) * belief.probs(menu)[:, 1]


@record
class _Unweighted(_Curious):
    """A mutant: losses are not weighted."""

    def update(self, state: Weighing, menu: Menu, choice: Any, outcome: Any) -> Weighing:
        return IWAL.update(self, state, menu, choice.replace(prob=jnp.ones_like(choice.prob)), outcome)


@record
class _Clipped(_Curious):
    """A mutant: weights of at most 2."""

    def update(self, state: Weighing, menu: Menu, choice: Any, outcome: Any) -> Weighing:
        return IWAL.update(self, state, menu, choice.replace(prob=jnp.maximum(choice.prob, 0.5)), outcome)


def _deviation_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    line = thresholds(12)
    table = np.r_[line, 1 - line]
    mass = np.random.default_rng(5).dirichlet(np.full(12, 2.0))
    oracle = LabelStream(np.arange(12)[:, None], line[4], mass=mass, flip=0.15)
    for kind in (algorithm,) if algorithm is not IWAL else (IWAL, _Curious):
        policy = kind(finite(table), delta=DELTA, least=LEAST)

        def worst(key: Key, policy: Any = policy) -> Array:
            state = simulate(policy, oracle, key, horizon=ITEMS, record=())[0]
            return jnp.abs(state.risk - errors_of(policy, oracle)).max()

        found = np.asarray(jax.jit(jax.vmap(worst))(jax.random.split(jax.random.key(6), trials)), np.float64)
        for form in ("range", "variance"):
            yield Case(f"{kind.__name__}, by the {form}", (ITEMS, LEAST, len(table), DELTA, form), found)


@guarantee(
    "With probability 1 - delta every hypothesis's weighted risk is within the bounds of Azuma, and of Freedman",
    id="iwal-deviation",
    family="active learning",
    latex=(
        r"|\hat L_T-L|\le\frac1{p_{\min}}\sqrt{\frac\Lambda{2T}},\quad"
        r"|\hat L_T-L|\le\sqrt{\frac{2\Lambda}{Tp_{\min}}}+\frac{2\Lambda}{3Tp_{\min}}"
    ),
    cite="beygelzimer2009importance",
    note="proofs_notes/iwal-deviation.md",
    bounds=WithProbability(as_array, DELTA),
    ceiling=lambda items, least, size, delta, form: 1.0,
    algorithm=IWAL,
    cases=_deviation_cases,
    mutants={"no weights": _Unweighted, "weights clipped at 2": _Clipped},
    trials=100,
)
def iwal_deviation(items: int, least: float, size: int, delta: float, form: str) -> float:
    r"""How far importance-weighted risks of a class of a `size` may be off after `items`, for losses in [0, 1].

    With chances of at least `least`, :math:`\Lambda = \ln\frac{2|\mathcal H|}\delta`, by the `form` "range" or
    "variance" of the terms. Cite: beygelzimer2009importance.
    """
    log = math.log(2 * size / delta)
    if form == "range":
        return math.sqrt(log / (2 * items)) / least
    return math.sqrt(2 * log / (items * least)) + 2 * log / (3 * items * least)


def excess_risk(run: Any) -> np.ndarray:
    """By how much the worst survivor errs more than the best hypothesis, `[seeds, rounds]`; infinite without it."""
    return np.asarray(run["excess"], np.float64)


def plays_iwal(policy: Any, oracle: Any) -> str | None:
    """The policy is IWAL at the theorem's level for 0-1 loss, on a stream of independent items."""
    if not isinstance(policy, IWAL) or policy.loss is not None:
        return "the policy is not IWAL with 0-1 loss"
    if float(policy.delta) > DELTA * (1 + 1e-6):
        return f"the policy's delta is {float(policy.delta):g}, the theorem's {DELTA:g}"
    drawn = isinstance(oracle, LabelStream) and not oracle.once
    return None if drawn else f"{type(oracle).__name__} does not draw its items independently from a law"


@record
class _Hasty(IWAL):
    """A mutant: a twentieth of the slack."""

    def slack(self, seen: Array) -> Array:
        return IWAL.slack(self, seen) / 20


@record
class _Patient(IWAL):
    """A mutant: nothing is dropped."""

    def slack(self, seen: Array) -> Array:
        return IWAL.slack(self, seen) + 2


def _survivor_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    line = thresholds(12)
    for name, flip in (("noisy labels", np.full(12, 0.3)), ("one odd item", np.where(np.arange(12) == 6, 0.9, 0.05))):
        oracle = LabelStream(np.arange(12)[:, None], line[4], flip=flip)
        policy = algorithm(finite(line), delta=DELTA, least=0.2)
        yield simulated(policy, oracle, f"iwal, {name}", horizon=2000, trials=trials, record=(excess,))


@guarantee(
    "With probability 1 - delta IWAL never drops the best hypothesis, and survivors err at most 2 slack(t) more",
    id="iwal-consistency",
    family="active learning",
    latex=r"\max_{h\in V_t}L(h)-L(h^\star)\le2\Delta_t,\ \Delta_t=\sqrt{\tfrac2t\ln\tfrac{|\mathcal H|^2t(t+1)}\delta}",
    cite="beygelzimer2009importance",
    note="proofs_notes/iwal-consistency.md",
    bounds=WithProbability(excess_risk, DELTA),
    assumes=[plays_iwal],
    ceiling=lambda policy, oracle, t: np.ones_like(t),
    algorithm=IWAL,
    cases=_survivor_cases,
    mutants={"a twentieth of the slack": _Hasty, "nothing dropped": _Patient},
    trials=50,
)
def iwal_consistency(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    """The excess error of IWAL's survivors after `t` items. Cite: beygelzimer2009importance."""
    size, delta = policy.belief.alive.shape[0], float(policy.delta)
    t = np.asarray(t, np.float64)
    return 2 * np.sqrt(2 / t * np.log(size**2 * t * (t + 1) / delta))
