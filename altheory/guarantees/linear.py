"""Theorems on linear and logistic bandits: confidence at all times, and the regret of optimism."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.beliefs import Linear, Logistic, linear
from altheory.core import Key, Menu, Scalar, Score, menu, record, score
from altheory.guarantees import observe
from altheory.guarantees.bandits import _StaleLinear
from altheory.guarantees.evidence import WithProbability
from altheory.guarantees.guarantee import Case, guarantee
from altheory.oracles import ContextualBandit, LinearBandit, LogisticBandit
from altheory.policies import Argmax, glm_ucb, linucb
from altheory.scores import oful_index
from altheory.sim import Round, regret
from altheory.sim.simulate import run

DELTA = 0.1


def _walk(belief: Linear, key: Key, *, coins: bool, steps: int) -> Linear:
    """Beliefs after each of `steps` observations of pure noise, each in the direction that most helps the last ones."""

    def step(b: Linear, k: Key) -> tuple[Linear, Linear]:
        aim = b.point
        size = jnp.linalg.norm(aim)
        x = jnp.where(size > 0, aim / jnp.where(size > 0, size, 1), jnp.eye(b.dim)[0])
        noise = jax.random.rademacher(k, (), jnp.float32) if coins else jax.random.normal(k)
        after = b.update(menu(x[None])[0], noise)
        return after, after

    return jax.lax.scan(step, belief, jax.random.split(key, steps))[1]


Radius = Callable[[Linear, float], Array]
"""From a belief and a level to the radius of its confidence set around what pure noise adds up to."""


def _walk_cases(algorithm: Radius, trials: int) -> Iterator[Case]:
    for name, coins, d, prior in (("normal noise", False, 2, 1.0), ("coins", True, 3, 0.1)):
        keys = jax.random.split(jax.random.key(d), trials)

        @jax.jit
        def farthest(keys: Array, d: int = d, prior: float = prior, coins: bool = coins) -> Array:
            path = jax.vmap(lambda k: _walk(linear(d, prior=prior), k, coins=coins, steps=200))(keys)

            def excess(b: Linear) -> Array:
                drift = jnp.sqrt((jnp.einsum("d,de->e", b.moment, b.root) ** 2).sum())
                return drift**2 - algorithm(b, DELTA) ** 2

            return jax.vmap(jax.vmap(excess))(path).max(1)

        seen = np.asarray(farthest(keys), np.float64) + 2 * math.log(1 / DELTA)
        yield Case(name, (DELTA, 1.0), seen)


@guarantee(
    "With probability 0.9, at all times, the squared norm of summed noise in V^-1 <= s^2 (2 ln(10) + ln det V/V_0)",
    id="self-normalized",
    family="bandits",
    latex=r"\|S_t\|^2_{V_t^{-1}} \le \sigma^2\Bigl(2\ln\tfrac1\delta + \ln\tfrac{\det V_t}{\det V_0}\Bigr)\ \forall t",
    cite="abbasi2011improved",
    note="proofs_notes/self-normalized.md",
    bounds=WithProbability(observe.as_array, DELTA),
    algorithm=lambda belief, delta: belief.radius(delta, 0.0),
    cases=_walk_cases,
    mutants={
        "no determinant": lambda belief, delta: jnp.sqrt(2 * jnp.log(1 / delta)) + 0 * belief.gain,
        "half the radius": lambda belief, delta: belief.radius(delta, 0.0) / 2,
    },
    trials=200,
)
def self_normalized(delta: float, sd: float) -> float:
    r"""By how much :math:`\|S_t\|^2_{V_t^{-1}}` may ever exceed :math:`\sigma^2\ln\det V_t/\det V_0`.

    :math:`\sigma` = `sd` is the sub-Gaussian scale of the noise. Cite: abbasi2011improved.
    """
    return 2 * sd**2 * math.log(1 / delta)


def fault(r: Round) -> Float[Array, ""]:
    r"""The metric that is 1 where :math:`\|\hat\theta - \theta\|_P` exceeds the radius, or a round's regret twice the
    radius times `std` of the item played.
    """
    hyper = r.policy.score.hyper
    belief, theta = r.before.belief, r.oracle.theta
    radius = belief.radius(hyper["delta"], hyper["bound"])
    off = belief.point - theta
    outside = jnp.sqrt((off * jnp.einsum("de,e->d", belief.precision, off)).sum()) > radius * (1 + 1e-4)
    value, item = r.oracle.value(r.world), r.choice.item
    over = value.max() - value[item] > 2 * radius * belief.std(r.menu)[item] + 1e-4
    return (outside | over).astype(value.dtype)


def regret_or_fault(run: Any) -> np.ndarray:
    """Regret summed over rounds, `[seeds, rounds]`; infinite from the first fault on."""
    broken = np.maximum.accumulate(np.asarray(run["fault"]), -1) > 0
    return np.where(broken, np.inf, observe.cumulative_regret(run))


def plays_oful(policy: Any, oracle: Any) -> str | None:
    """The policy is OFUL at the theorem's level, with a bound that holds, on means of at most 1."""
    if not isinstance(policy, Argmax) or not isinstance(policy.belief, Linear):
        return "the policy has no linear belief"
    if not isinstance(policy.score, Score) or policy.score.fn is not oful_index:
        return "the policy is not OFUL"
    if not hasattr(oracle, "theta") or not hasattr(oracle, "feature_norm") or not hasattr(oracle, "sd"):
        return f"{type(oracle).__name__} is not linear"
    hyper, size = policy.score.hyper, float(np.linalg.norm(oracle.theta))
    if float(hyper["delta"]) > DELTA * (1 + 1e-6) or float(hyper["bound"]) < size * (1 - 1e-6):
        return f"delta exceeds {DELTA:g}, or the bound is below the parameter's length"
    return None if size * float(oracle.feature_norm) <= 1 + 1e-6 else "mean rewards may exceed 1 in magnitude"


def _below(belief: Any, menu: Menu, key: Key, *, delta: float = DELTA, bound: float = 1.0) -> Float[Array, "K"]:
    """A mutant: the bonus is subtracted."""
    return belief.mean(menu) - belief.radius(delta, bound) * belief.std(menu)


def _oful(dim: int, prior: float) -> Argmax:
    return linucb(dim, delta=DELTA, bound=1.0, prior=prior)


def _pessimist(dim: int, prior: float) -> Argmax:
    return Argmax(linear(dim, prior=prior), score(_below, delta=DELTA, bound=1.0))


def _forgetful(dim: int, prior: float) -> Argmax:
    b = linear(dim, prior=prior)
    stale = _StaleLinear(b.precision, b.root, b.moment, b.gain, b.rounds, b.noise, b.prior)
    return Argmax(stale, score(oful_index, delta=DELTA, bound=1.0))


def _boundless(dim: int, prior: float) -> Argmax:
    return linucb(dim, delta=DELTA, bound=0.0, prior=prior)


@record
class _HalfRadius(Linear):
    """A mutant: trusts a confidence set of half the radius."""

    def radius(self, delta: Scalar, bound: Scalar) -> Float[Array, ""]:
        return super().radius(delta, bound) / 2


def _half_radius(dim: int, prior: float) -> Argmax:
    b = linear(dim, prior=prior)
    half = _HalfRadius(b.precision, b.root, b.moment, b.gain, b.rounds, b.noise, b.prior)
    return Argmax(half, score(oful_index, delta=DELTA, bound=1.0))


def _oful_cases(algorithm: Callable[[int, float], Any], trials: int) -> Iterator[Case]:
    runs: dict[str, tuple[Any, float, int]] = {
        "oful, new menus": (ContextualBandit(jnp.array([0.6, -0.8]), 6, 0.5), 1.0, 2500),
        "oful, a strong prior": (ContextualBandit(jnp.array([0.0, 0.0, 1.0]), 4, 0.5), 20.0, 300),
        "oful, arms apart": (LinearBandit(jnp.eye(2), jnp.array([0.1, 0.9]), 0.5), 1.0, 500),
    }
    for name, (oracle, prior, horizon) in runs.items():
        policy = algorithm(oracle.theta.shape[0], prior)
        yield observe.simulated(policy, oracle, name, horizon=horizon, trials=trials, record=(regret, fault))


@guarantee(
    "With probability 0.9 theta stays within OFUL's radius, a round's regret <= 2 radius width, and R_t = O(d sqrt(t))",
    id="oful-regret",
    family="bandits",
    latex=r"R_n \le 2\max(1,\bar b_n)\sqrt{\tfrac{nd}{\ln2}\ln\Bigl(1+\frac{nL^2}{d\lambda}\Bigr)}",
    cite="abbasi2011improved",
    note="proofs_notes/oful-regret.md",
    bounds=WithProbability(regret_or_fault, DELTA),
    assumes=[plays_oful, observe.never_stops],
    ceiling=lambda policy, oracle, t: 2 * t * float(np.linalg.norm(oracle.theta)) * float(oracle.feature_norm),
    algorithm=_oful,
    cases=_oful_cases,
    mutants={
        "the bonus subtracted": _pessimist,
        "precision never updated": _forgetful,
        "no room for the prior": _boundless,
        "half the radius": _half_radius,
    },
    trials=40,
)
def oful_regret(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    r"""The regret of OFUL at rounds `t`, with probability 1 - δ, for mean rewards of at most 1 in magnitude.

    :math:`\bar b_n = \sigma\sqrt{2\ln\frac1\delta + d\ln(1+\frac{nL^2}{d\lambda})} + \sqrt\lambda S`, where
    :math:`\lambda` is the prior precision times :math:`\sigma^2`. Cite: abbasi2011improved.
    """
    d, hyper, sd = policy.belief.dim, policy.score.hyper, float(np.max(np.asarray(oracle.sd)))
    ridge = float(policy.belief.prior) * sd**2
    log = d * np.log1p(t * float(oracle.feature_norm) ** 2 / (d * ridge))
    radius = sd * np.sqrt(2 * math.log(1 / float(hyper["delta"])) + log) + math.sqrt(ridge) * float(hyper["bound"])
    return 2 * np.maximum(1, radius) * np.sqrt(t / math.log(2) * log)


LABELS = 120


def sigmoid(z: Any) -> np.ndarray:
    """The logistic function."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(z, np.float64))))


def glm_error(b: Logistic, theta: np.ndarray) -> float:
    r""":math:`\|G(\hat\theta) - G(\theta)\|_{H^{-1}}` of what a belief learned, in double precision.

    Infinite where :math:`\kappa\|\hat\theta-\theta\|_H` exceeds it, or the estimate is no mode of the posterior.
    """
    x, y, prior = np.asarray(b.data.x, np.float64), np.asarray(b.data.y, np.float64), float(b.prior)
    found = np.asarray(b.weights[0], np.float64)
    shape = prior * np.eye(len(theta)) + 0.25 * x.T @ x
    z = x.T @ (sigmoid(x @ found) - sigmoid(x @ theta)) + prior * (found - theta)
    norm = math.sqrt(z @ np.linalg.solve(shape, z))
    p = sigmoid(np.linalg.norm(x, axis=1).max() * max(np.linalg.norm(theta), np.linalg.norm(found)))
    apart = math.sqrt((found - theta) @ shape @ (found - theta))
    slope = np.linalg.norm(x.T @ (y - sigmoid(x @ found)) - prior * found)
    far = min(1.0, float(4 * p * (1 - p))) * apart > norm * (1 + 1e-6)
    return math.inf if far or slope > 0.01 else norm


def _glm_cases(algorithm: Callable[[Logistic, float], Any], trials: int) -> Iterator[Case]:
    theta = np.array([6.0, 0.0])
    policy, oracle = glm_ucb(2, prior=4.0, capacity=LABELS), LogisticBandit(jnp.asarray(theta), 4)
    keys = jax.random.split(jax.random.key(1), trials)

    @jax.jit
    def learned(keys: Array) -> tuple[Logistic, Array]:
        belief = jax.vmap(lambda k: run(policy, oracle, k, horizon=LABELS, record=())[0].belief)(keys)
        return belief, jax.vmap(lambda b: jnp.asarray(algorithm(b, float(np.linalg.norm(theta)))))(belief)

    beliefs, radius = jax.device_get(learned(keys))
    beliefs = beliefs.replace(prior=np.broadcast_to(beliefs.prior, (trials,)))
    error = np.array([glm_error(jax.tree.map(lambda a, i=i: a[i], beliefs), theta) for i in range(trials)])
    yield Case("nearly separable", (DELTA,), error / radius * math.sqrt(2 * math.log(1 / DELTA)))


@guarantee(
    "With probability 0.9 ||G(estimate) - G(theta)|| in H^-1 <= sqrt(2 ln 10 + ln det H/l^d) + sqrt(l) S",
    id="glm-confidence",
    family="bandits",
    latex=r"\kappa\|\hat\theta-\theta\|_H \le \|G(\hat\theta)-G(\theta)\|_{H^{-1}} \le "
    r"\sqrt{2\ln\tfrac1\delta + \ln\tfrac{\det H}{\lambda^d}} + \sqrt\lambda S",
    cite="filippi2010parametric",
    note="proofs_notes/glm-confidence.md",
    bounds=WithProbability(observe.as_array, DELTA),
    algorithm=lambda belief, size: belief.radius(DELTA, size),
    cases=_glm_cases,
    mutants={"halved, no determinant, no prior": lambda belief, size: math.sqrt(2 * math.log(1 / DELTA)) / 2},
    trials=100,
)
def glm_confidence(delta: float) -> float:
    r"""How large :math:`\|G(\hat\theta)-G(\theta)\|_{H^{-1}}` may be, in units in which the radius is this number.

    Cite: filippi2010parametric.
    """
    return math.sqrt(2 * math.log(1 / delta))
