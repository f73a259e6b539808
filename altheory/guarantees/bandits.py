"""Theorems on bandits."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.beliefs import BetaBernoulli, Linear, beta_bernoulli, linear
from altheory.core import Key, Menu, record
from altheory.core.random import beta
from altheory.guarantees import observe
from altheory.guarantees.evidence import Always, Mean
from altheory.guarantees.guarantee import Case, guarantee
from altheory.oracles import BayesBernoulliBandit, BernoulliBandit, ContextualBandit, LinearBandit
from altheory.policies import Argmax, lints, linucb, thompson_bernoulli, ucb1
from altheory.scores import thompson, variance
from altheory.sim import Round, regret


def _gaps(oracle: Any) -> np.ndarray:
    means = np.asarray(oracle.means, np.float64)
    return means.max() - means


def _largest_regret(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    """No policy's mean regret exceeds the largest gap a round."""
    return t * _gaps(oracle).max()


def _ucb1_cases(algorithm: Callable[[int], Any], trials: int) -> Iterator[Case]:
    for name, means, horizon in (("two arms, the best last", (0.5, 0.9), 20_000), ("ties", (0.2, 0.9, 0.2), 5_000)):
        oracle = BernoulliBandit(jnp.array(means))
        yield observe.simulated(
            algorithm(len(means)), oracle, f"ucb1, {name}", horizon=horizon, trials=trials, record=(regret,)
        )


@guarantee(
    "E[R_t] <= sum over suboptimal arms of 8 ln(t) / gap, plus (1 + pi^2/3) times the sum of gaps",
    id="ucb1",
    family="bandits",
    latex=r"\mathbb E R_t \le \sum_{\Delta_i>0}\frac{8\ln t}{\Delta_i} + \Bigl(1+\frac{\pi^2}{3}\Bigr)\sum_i\Delta_i",
    cite="auer2002finite",
    note="proofs_notes/ucb1.md",
    bounds=Mean(observe.cumulative_regret),
    assumes=[observe.plays_ucb1, observe.never_stops, observe.rewards_in_unit_interval, observe.fixed_means],
    ceiling=_largest_regret,
    algorithm=ucb1,
    cases=_ucb1_cases,
    mutants={
        "no bonus": lambda arms: ucb1(arms, scale=0.0),
        "bonus subtracted": lambda arms: ucb1(arms, scale=-1.0),
        "ten times the bonus": lambda arms: ucb1(arms, scale=10.0),
    },
    trials=200,
    mutant_trials=1500,
)
def ucb1_regret(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    """The regret bound of UCB1 at rounds `t >= 1`, for rewards in [0, 1]. Cite: auer2002finite."""
    gaps = _gaps(oracle)
    wrong = gaps[gaps > 0]
    return 8 * np.log(t) * (1 / wrong).sum() + (1 + math.pi**2 / 3) * gaps.sum()


def optimism_lost(r: Round) -> Float[Array, ""]:
    r"""The metric that is at most 0 where UCB1's proof goes through: the larger of two shortfalls, in plain formulas.

    By how much another arm's :math:`\hat\mu + c` exceeds that of the arm played; and, where every interval
    :math:`\hat\mu \pm c` holds, by how much the gap of the arm played exceeds 2c.
    """
    plays, arm = r.before.belief.plays, r.menu.x[r.choice.item]
    c = jnp.sqrt(2 * jnp.log(jnp.maximum(plays.sum(), 1)) / jnp.maximum(plays, 1))
    mean = r.before.belief.total / jnp.maximum(plays, 1)
    index = jnp.where(plays > 0, mean + c, 1e6)
    true = r.oracle.means
    holds = (jnp.abs(mean - true) <= c).all() & (plays > 0).all()
    return jnp.maximum(index.max() - index[arm], jnp.where(holds, true.max() - true[arm] - 2 * c[arm], 0.0))


def _optimism_cases(algorithm: Callable[[int], Any], trials: int) -> Iterator[Case]:
    for name, means in (("two arms, the best last", (0.5, 0.9)), ("ties", (0.2, 0.9, 0.2)), ("ten", np.arange(10) / 9)):
        oracle = BernoulliBandit(jnp.array(means))
        policy = algorithm(len(means))
        yield observe.simulated(
            policy, oracle, f"optimism, {name}", horizon=400, trials=trials, record=(optimism_lost,)
        )


@guarantee(
    "UCB1 plays an arm whose mean + c, c = sqrt(2 ln t / n), is largest: its gap is at most 2c where intervals hold",
    id="ucb1-optimism",
    family="bandits",
    latex=r"\hat\mu_{a_t}+c_{a_t} = \max_j(\hat\mu_j+c_j),\quad \forall j:|\hat\mu_j-\mu_j|\le c_j"
    r"\ \Rightarrow\ \Delta_{a_t}\le 2c_{a_t}",
    cite="auer2002finite",
    note="proofs_notes/ucb1-optimism.md",
    bounds=Always(lambda run: np.asarray(run["optimism_lost"], np.float64), tolerance=1e-5),
    assumes=[observe.plays_ucb1, observe.never_stops, observe.fixed_means],
    algorithm=ucb1,
    cases=_optimism_cases,
    mutants={
        "half the bonus": lambda arms: ucb1(arms, scale=0.5),
        "twice the bonus": lambda arms: ucb1(arms, scale=2.0),
        "no bonus": lambda arms: ucb1(arms, scale=0.0),
    },
    trials=20,
)
def ucb1_optimism(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    """What may be lost in a round: nothing. Cite: auer2002finite."""
    return np.zeros_like(np.asarray(t, np.float64))


@record
class _SwappedBeta(BetaBernoulli):
    """A mutant: successes counted as failures."""

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        return beta(key, self.b, self.a)[menu.x]


@record
class _FrozenBeta(BetaBernoulli):
    """A mutant: nothing is learned."""

    def update(self, row: Menu, y: Any) -> "_FrozenBeta":
        return self


def _thompson_cases(algorithm: Callable[[int], Any], trials: int) -> Iterator[Case]:
    for arms, horizon in ((2, 500), (10, 2000)):
        oracle = BayesBernoulliBandit(arms)
        yield observe.simulated(
            algorithm(arms), oracle, f"thompson, {arms} arms", horizon=horizon, trials=trials, record=(regret,)
        )


def _as(kind: type[BetaBernoulli]) -> Callable[[int], Argmax]:
    def build(arms: int) -> Argmax:
        prior = beta_bernoulli(arms)
        return Argmax(kind(prior.a, prior.b), thompson)

    return build


@guarantee(
    "Bayesian regret <= sqrt(K t ln(K) / 2) when the arms are drawn from the policy's prior",
    id="ts-information-ratio",
    family="bandits",
    latex=r"\mathbb E R_t \le \sqrt{\tfrac12 K t \ln K}",
    cite="russo2016information",
    note="proofs_notes/ts-information-ratio.md",
    bounds=Mean(observe.cumulative_regret),
    assumes=[observe.plays_thompson_bernoulli, observe.never_stops, observe.prior_is_right],
    ceiling=lambda policy, oracle, t: t,
    algorithm=thompson_bernoulli,
    cases=_thompson_cases,
    mutants={"Beta parameters swapped": _as(_SwappedBeta), "nothing learned": _as(_FrozenBeta)},
    trials=250,
)
def thompson_bayes_regret(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    """The Bayesian regret bound of Thompson sampling on Bernoulli arms at rounds `t`. Cite: russo2016information."""
    arms = policy.belief.a.shape[0]
    return np.sqrt(0.5 * arms * t * math.log(arms))


def _linear_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    trials = max(trials // 25, 2)
    runs: dict[str, tuple[Any, Any]] = {
        "new menus": (ContextualBandit(jnp.array([0.6, -0.3, 0.2]), 5, 1.0), linucb),
        "sampled": (ContextualBandit(jnp.array([0.6, -0.3, 0.2]), 5, 0.1), lints),
        "near-collinear": (LinearBandit(jnp.eye(4) * 1e-2 + 1.0, jnp.ones(4) * 0.1, 1.0), linucb),
        "one long arm": (LinearBandit(jnp.array([[20.0], [0.1]]), jnp.array([0.01]), 1.0), linucb),
        "most uncertain first": (LinearBandit(jax.random.normal(jax.random.key(1), (30, 8)), jnp.ones(8), 1.0), None),
    }
    for name, (oracle, policy) in runs.items():
        d = jax.eval_shape(oracle.offer, jax.eval_shape(oracle.init, jax.random.key(0))).x.shape[1]
        made = algorithm(d, policy)
        yield observe.simulated(
            made, oracle, f"linear, {name}", horizon=1000, trials=trials, record=(observe.potential,)
        )


def _linear_policy(dim: int, named: Callable[..., Any] | None) -> Argmax:
    return named(dim) if named else Argmax(linear(dim), variance)


@record
class _StaleLinear(Linear):
    """A mutant: the precision never grows."""

    def update(self, row: Menu, y: Any) -> "_StaleLinear":
        return self


def _stale(dim: int, named: Callable[..., Any] | None) -> Argmax:
    made = _linear_policy(dim, named)
    b = made.belief
    return Argmax(_StaleLinear(b.precision, b.root, b.moment, b.gain, b.rounds, b.noise, b.prior), made.score)


@guarantee(
    "sum of min(1, w_s^2) <= (d / ln 2) ln(1 + t L^2 / (d lambda)) on every path, w_s the width of the item played",
    id="elliptical-potential",
    family="bandits",
    latex=r"\sum_{s\le t}\min(1, w_s^2) \le \frac{d}{\ln 2}\ln\Bigl(1+\frac{tL^2}{d\lambda}\Bigr)",
    cite="abbasi2011improved",
    note="proofs_notes/elliptical-potential.md",
    bounds=Always(observe.cumulative_potential, tolerance=1e-4),
    assumes=[observe.linear_belief, observe.bounded_features],
    ceiling=lambda policy, oracle, t: t,
    algorithm=_linear_policy,
    cases=_linear_cases,
    mutants={"precision never updated": _stale},
)
def elliptical_potential(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    r"""The elliptical potential after `t` rounds; lengths are in units of the noise. Cite: abbasi2011improved."""
    d, prior = policy.belief.dim, float(policy.belief.prior)
    sd = float(np.min(np.asarray(oracle.sd)))
    length = float(oracle.feature_norm) / (sd if sd > 0 else float(policy.belief.noise))
    return d / math.log(2) * np.log1p(t * length**2 / (d * prior))
