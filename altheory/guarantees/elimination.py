"""Theorems on elimination by optimal designs: regret, and the best arm on a budget."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from altheory.core import record
from altheory.designs import bounds as constants
from altheory.guarantees import observe
from altheory.guarantees.evidence import Mean, WithProbability
from altheory.guarantees.guarantee import Case, guarantee
from altheory.oracles import LinearBandit
from altheory.policies.elimination import OdLinBai, Phase, PhasedElimination
from altheory.policies.span import ITERATES
from altheory.sim import Round, regret, study

DELTA = 0.1


def averaging_gap(arms: int, d: int) -> float:
    r"""The gap :math:`\eta = (K/d)^{1/64} - 1` of the designs of these policies. Cite: cohen2019near."""
    return constants.multiplicative_average_worst(ITERATES, max(arms, d), d) / d - 1


def faulty(r: Round) -> Float[Array, ""]:
    r"""The metric that is 1 where a phase ended and an active arm's estimate is off by more than :math:`\varepsilon`, a
    best arm was lost, or an arm with a gap above :math:`4\varepsilon` was kept.
    """
    value, width = r.oracle.value(r.world), r.policy.width(r.before.number)
    gaps = value.max() - value
    missed = (r.before.active & (jnp.abs(r.state.estimate - value) > width)).any()
    lost = ((gaps <= 0) & ~r.state.active).any()
    kept = (r.state.active & (gaps > 4 * width + 1e-5)).any()
    return ((r.state.number > r.before.number) & (missed | lost | kept)).astype(value.dtype)


def regret_or_fault(run: Any) -> np.ndarray:
    """Regret summed over rounds, `[seeds, rounds]`; infinite from the first fault on."""
    fault = np.maximum.accumulate(np.asarray(run["faulty"]), -1) > 0
    return np.where(fault, np.inf, observe.cumulative_regret(run))


def eliminates(policy: Any, oracle: Any) -> str | None:
    """The policy is phased elimination at the theorem's level, on the oracle's own arms."""
    if not isinstance(policy, PhasedElimination):
        return "the policy is not phased elimination"
    if float(policy.delta) > DELTA * (1 + 1e-6):
        return f"the policy's delta is {float(policy.delta):g}, the theorem's {DELTA:g}"
    if not isinstance(oracle, LinearBandit) or not np.array_equal(policy.x, oracle.x):
        return "the oracle does not offer the arms that the policy knows"
    return None


def unit_means_and_noise(policy: Any, oracle: Any) -> str | None:
    """Mean rewards are at most 1 in magnitude and the noise has a standard deviation of at most 1."""
    if not isinstance(oracle, LinearBandit):
        return f"{type(oracle).__name__} is not linear"
    small = np.abs(np.asarray(oracle.value(()))).max() <= 1 + 1e-5 and float(np.max(oracle.sd)) <= 1
    return None if small else "mean rewards exceed 1 in magnitude, or the noise 1"


def _regret_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    angles = np.array([0.0, 0.03, -0.03, 1.5, 3.1, -2.0])
    circle = np.stack([np.cos(angles), np.sin(angles)], 1)
    line = np.outer([0.2, -1.0, 1.0, 1.0, 0.99, -0.3], [0.6, 0.8])
    pools = {
        "a circle with a near tie": (circle, np.array([1.0, 0.0])),
        "on a line, with ties": (line, np.array([0.6, 0.8])),
        "nearly parallel, wild scales": (circle * [1e3, 1e-2], np.array([1e-3, 0.0])),
    }
    for name, (x, theta) in pools.items():
        oracle, policy = LinearBandit(jnp.asarray(x), jnp.asarray(theta)), algorithm(x, DELTA)
        yield observe.simulated(
            policy, oracle, f"elimination, {name}", horizon=2500, trials=trials, record=(regret, faulty)
        )


@record
class _TooFew(PhasedElimination):
    """A mutant: one pull in fifty."""

    def pulls(self, number: Int[Array, ""], weights: Float[Array, "K"], worst: Float[Array, ""]) -> Int[Array, "K"]:
        return -(-PhasedElimination.pulls(self, number, weights, worst) // 50)


@record
class _KeepsTheBest(PhasedElimination):
    """A mutant: only the best estimate is kept."""

    def keeps(self, state: Phase, estimate: Float[Array, "K"]) -> Array:
        return estimate >= jnp.where(state.active, estimate, -jnp.inf).max()


@guarantee(
    "With probability 0.9 phased elimination never loses a best arm, and R_t <= sum of 8 eps times the phases' lengths",
    id="phased-elimination-regret",
    family="designs",
    latex=r"R_n \le \sum_\ell8\varepsilon_\ell\min\bigl(\bar T_\ell, (n - \textstyle\sum_{j<\ell}\bar T_j)_+\bigr)",
    cite="lattimore2020bandit",
    note="proofs_notes/phased-elimination-regret.md",
    bounds=WithProbability(regret_or_fault, DELTA),
    assumes=[eliminates, unit_means_and_noise],
    ceiling=lambda policy, oracle, t: t * np.ptp(np.asarray(oracle.value(()), np.float64)),
    algorithm=PhasedElimination,
    cases=_regret_cases,
    mutants={"one pull in fifty": _TooFew, "keeps the best estimate alone": _KeepsTheBest},
    trials=50,
)
def phased_elimination_regret(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    r"""The regret of phased elimination at rounds `t`, with probability 1 - δ.

    :math:`\bar T_\ell = \lceil\tfrac{2(1+\eta)d}{\varepsilon_\ell^2}\log\tfrac{2K\ell(\ell+1)}\delta\rceil + K`: the
    designs are averages of 64 multiplicative iterates, on as many as K arms. Cite: lattimore2020bandit.
    """
    arms, d = policy.x.shape
    worst, delta = d * (1 + averaging_gap(arms, d)), float(policy.delta)
    t = np.asarray(t, np.float64)
    left, total, level = t, np.zeros_like(t), 1
    while (left > 0).any():
        width = 2.0**-level
        longest = math.ceil(2 * worst / width**2 * math.log(2 * arms * level * (level + 1) / delta)) + arms
        total = total + 8 * width * np.minimum(left, longest)
        left, level = np.maximum(left - longest, 0), level + 1
    return total


def wrong(r: Round) -> Float[Array, ""]:
    """The metric that is 1 where the arm recommended is not the best."""
    value = r.oracle.value(r.world)
    return (value[r.state.best] < value.max()).astype(value.dtype)


@record
class _OnePull(OdLinBai):
    """A mutant: one pull of each arm of the design."""

    def pulls(self, number: Int[Array, ""], weights: Float[Array, "K"], worst: Float[Array, ""]) -> Int[Array, "K"]:
        return jnp.minimum(OdLinBai.pulls(self, number, weights, worst), 1)


@record
class _KeepsTheWorst(OdLinBai):
    """A mutant: the worst estimates are kept."""

    def keeps(self, state: Phase, estimate: Float[Array, "K"]) -> Array:
        return OdLinBai.keeps(self, state, -estimate)


def _best_arm_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(8)
    arms, d, budget = 10, 4, 300
    others = rng.standard_normal((arms, d - 1))
    clustered = np.concatenate([np.zeros((arms, 1)), others / np.linalg.norm(others, axis=1, keepdims=True)], 1)
    clustered[6] = np.eye(d)[0]
    spread = rng.standard_normal((arms, d))
    scale = np.array([1e3, 1.0, 1e-3, 1.0])
    pools = {
        "all others tie": (clustered, np.eye(d)[0]),
        "wild scales": (clustered * scale, np.eye(d)[0] / scale),
        "normal": (spread, spread[3] * 1.5),
    }
    for name, (x, theta) in pools.items():
        oracle, policy = LinearBandit(jnp.asarray(x), jnp.asarray(theta)), algorithm(x, budget)
        found = study({name: policy}, oracle, jax.random.key(9), horizon=budget, seeds=trials, record=(wrong,))
        value = np.sort(np.asarray(x @ theta, np.float64))[::-1]
        gaps = tuple(float(g) for g in value[0] - value)
        yield Case(name, (gaps, policy.per_phase, d), found.data.sel(policy=name)["wrong"].values[:, -1])


@guarantee(
    "P(OD-LinBAI returns a wrong arm) <= sum over phases of min over h of a factor times exp(-m gap^2 / (8d(1 + eta)))",
    id="od-linbai",
    family="designs",
    latex=r"P(\mathrm{err}) \le \sum_r\min_h\frac{n_r-h}{s_r-h+1}e^{-m\Delta_{h+1}^2/(8d_r(1+\eta))}",
    cite="yang2022minimax",
    note="proofs_notes/od-linbai.md",
    bounds=Mean(lambda run: np.asarray(run, np.float64)),
    ceiling=lambda gaps, pulls, d: 1.0,
    algorithm=OdLinBai,
    cases=_best_arm_cases,
    mutants={"one pull of each arm": _OnePull, "keeps the worst": _KeepsTheWorst},
    trials=200,
)
def od_linbai(gaps: tuple[float, ...], pulls: int, d: int) -> float:
    """The probability of a wrong arm, for sorted `gaps` (the first is 0), unit noise, and `pulls` a phase.

    The designs' gap is that of averaging. Cite: yang2022minimax.
    """
    return constants.best_arm_error(list(gaps), pulls, d, eta=averaging_gap(len(gaps), d))
