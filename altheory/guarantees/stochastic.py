"""Theorems on stochastic bandits: KL-UCB, Thompson sampling with every constant, successive elimination."""

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import special, stats

from altheory.beliefs import BetaBernoulli, Contenders, Counts, contenders, counts
from altheory.core import Key, Menu, record
from altheory.guarantees import observe
from altheory.guarantees.bandits import _as as beta_mutant
from altheory.guarantees.bandits import _FrozenBeta, _gaps, _largest_regret, _SwappedBeta
from altheory.guarantees.evidence import Mean, WithProbability
from altheory.guarantees.guarantee import Case, guarantee
from altheory.oracles import BernoulliBandit
from altheory.policies import Argmax, kl_ucb, successive_elimination, thompson_bernoulli
from altheory.scores import contender_score, kl_ucb_index, kl_upper
from altheory.sim import Round, regret

DELTA = 0.1


def bernoulli_kl(p: Any, q: Any) -> Any:
    r""":math:`\mathrm{kl}(p, q)` in nats."""
    return special.rel_entr(p, q) + special.rel_entr(1 - np.asarray(p), 1 - np.asarray(q))


def plays_kl_ucb(policy: Any, oracle: Any) -> str | None:
    """The policy is KL-UCB."""
    plays = (
        isinstance(policy, Argmax) and isinstance(policy.belief, Counts) and observe._scores_by(policy, kl_ucb_index)
    )
    return None if plays else "the policy is not KL-UCB"


def zero_one_rewards(policy: Any, oracle: Any) -> str | None:
    """Rewards are 0 or 1, and the policy takes them as they are."""
    belief = getattr(policy, "belief", None)
    low, high = getattr(belief, "low", None), getattr(belief, "high", None)
    unit = (low is None or float(low) == 0) and (high is None or float(high) == 1)
    return None if isinstance(oracle, BernoulliBandit) and unit else "rewards are not 0 or 1"


def uniform_prior(policy: Any, oracle: Any) -> str | None:
    """The prior of every arm is uniform."""
    belief = getattr(policy, "belief", None)
    flat = isinstance(belief, BetaBernoulli) and np.allclose(belief.a, 1) and np.allclose(belief.b, 1)
    return None if flat else "the policy's prior is not uniform"


def _cases_on(*instances: tuple[str, tuple[float, ...], int]) -> Callable[..., Iterator[Case]]:
    def cases(algorithm: Callable[[int], Any], trials: int) -> Iterator[Case]:
        for name, means, horizon in instances:
            oracle, policy = BernoulliBandit(jnp.array(means)), algorithm(len(means))
            yield observe.simulated(policy, oracle, name, horizon=horizon, trials=trials, record=(regret,))

    return cases


def _reversed_index(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    """A mutant: the index of losses."""
    n = belief.count(menu)
    t = n.sum() + 1
    index = kl_upper(1 - belief.mean(menu), jnp.log1p(t * jnp.log(t) ** 2) / jnp.maximum(n, 1))
    return jnp.where(n > 0, index, jnp.inf)


def _least_index(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    """A mutant: the lowest index is played."""
    return -kl_ucb_index(belief, menu, key)


@guarantee(
    "E[R_t] <= sum of gap (ln(1 + t ln^2 t) / kl(mu + e1, best - e2) + 1/(2 e1^2) + 2/e2^2), for any e1 + e2 < gap",
    id="kl-ucb",
    family="bandits",
    latex=r"\mathbb E R_t \le \sum_i\Delta_i\inf_{\epsilon_1+\epsilon_2<\Delta_i}\Bigl(\frac{\ln(1+t\ln^2t)}"
    r"{\mathrm{kl}(\mu_i+\epsilon_1,\mu^\star-\epsilon_2)} + \frac1{2\epsilon_1^2} + \frac2{\epsilon_2^2}\Bigr)",
    cite="lattimore2020bandit",
    note="proofs_notes/kl-ucb.md",
    bounds=Mean(observe.cumulative_regret),
    assumes=[plays_kl_ucb, observe.never_stops, zero_one_rewards, observe.fixed_means],
    ceiling=_largest_regret,
    algorithm=kl_ucb,
    cases=_cases_on(("kl-ucb, ends", (0.01, 0.02, 0.98), 1500), ("kl-ucb, the best last", (0.4, 0.5, 0.9), 1500)),
    mutants={
        "the index of losses": lambda arms: Argmax(counts(arms, low=0.0, high=1.0), _reversed_index),
        "the lowest index": lambda arms: Argmax(counts(arms, low=0.0, high=1.0), _least_index),
    },
    trials=60,
    mutant_trials=100,
)
def kl_ucb_regret(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    r"""The regret bound of KL-UCB at rounds `t >= 1`, for 0/1 rewards; each arm's infimum is taken over a grid.

    Cite: lattimore2020bandit.
    """
    means = np.asarray(oracle.means, np.float64)
    best, level = means.max(), np.log1p(t * np.log(t) ** 2)
    grid = np.geomspace(0.02, 0.9, 40)
    first, second = (x.ravel() for x in np.meshgrid(grid, grid))
    share = np.stack([first, second])[:, first + second < 1]
    total = np.zeros(np.shape(t))
    for mean, gap in zip(means, best - means, strict=True):
        if gap > 0:
            e1, e2 = share * gap
            rate, once = 1 / bernoulli_kl(mean + e1, best - e2), 1 / (2 * e1**2) + 2 / e2**2
            total = total + gap * (np.multiply.outer(level, rate) + once).min(-1)
    return total


@functools.cache
def prior_cost(best: float, y: float, rounds: int) -> np.ndarray:
    r""":math:`\sum_{k<t}E[1/p_k] - 1` for t = 1..`rounds`: how long the best arm's posterior may hide above y.

    After k pulls with S successes :math:`p_k = P(\mathrm{Bin}(k+1, y) \le S)`, and :math:`S \sim \mathrm{Bin}(k,
    \mu^\star)`. Where the distribution function underflows, its last term stands in.
    """
    blocks = np.array_split(np.arange(rounds), rounds // 200 + 1)
    return np.cumsum(np.concatenate([_hidden(best, y, k) for k in blocks]))


def _hidden(best: float, y: float, pulls: np.ndarray) -> np.ndarray:
    """The terms of `prior_cost` for some numbers of pulls, in rising order."""
    k, s = pulls[:, None], np.arange(pulls[-1] + 1)[None]
    with np.errstate(divide="ignore", invalid="ignore"):
        mass = np.where(s <= k, stats.binom.logpmf(s, k, best), -np.inf)
        tail = np.log(special.betainc(np.maximum(k + 1.0 - s, 1e-9), s + 1.0, 1 - y))
        least = special.gammaln(k + 2.0) - special.gammaln(s + 1.0) - special.gammaln(np.maximum(k - s, -0.5) + 2.0)
        least = least + s * math.log(y) + (k + 1 - s) * math.log1p(-y)
        terms = np.where(s <= k, np.exp(mass - np.where(np.isfinite(tail), tail, least)), 0)
    return np.asarray(np.maximum(terms.sum(1) - 1, 0))


@guarantee(
    "E[N_i(t)] <= sum_k (E[1/p_k(y)] - 1) + ln(t)/kl(x, y) + 1 + 1/kl(x, mu_i), for any mu_i < x < y < best mean",
    id="thompson-bernoulli",
    family="bandits",
    latex=r"\mathbb E N_i(t) \le \sum_{k<t}\Bigl(\mathbb E\tfrac1{p_k(y)}-1\Bigr) + \frac{\ln t}{\mathrm{kl}(x,y)}"
    r" + 1 + \frac1{\mathrm{kl}(x,\mu_i)}",
    cite="agrawal2013further",
    note="proofs_notes/thompson-bernoulli.md",
    bounds=Mean(observe.cumulative_regret),
    assumes=[
        observe.plays_thompson_bernoulli,
        observe.never_stops,
        zero_one_rewards,
        observe.fixed_means,
        uniform_prior,
    ],
    ceiling=_largest_regret,
    algorithm=thompson_bernoulli,
    cases=_cases_on(("thompson, the best last", (0.5, 0.9), 700)),
    mutants={"Beta parameters swapped": beta_mutant(_SwappedBeta), "nothing learned": beta_mutant(_FrozenBeta)},
    trials=60,
    mutant_trials=60,
)
def thompson_bernoulli_regret(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    """The regret bound of Thompson sampling with uniform priors at rounds `t >= 1`, minimised over a grid of x and y.

    Time and memory: the square of the largest t for each value of y. Cite: agrawal2013further.
    """
    means = np.asarray(oracle.means, np.float64)
    best, rounds = float(means.max()), int(np.max(t))
    at = np.asarray(t, int) - 1
    total = np.zeros(np.shape(t))
    for mean, gap in zip(means, best - means, strict=True):
        if gap > 0:
            pulls = np.asarray(t, np.float64)
            for up in (0.5, 0.65, 0.8):
                y = mean + up * gap
                hidden = prior_cost(best, round(y, 9), rounds)[at]
                for x in mean + gap * up * np.array([0.3, 0.45, 0.6, 0.75]):
                    late = np.log(t) / bernoulli_kl(x, y) + 1 + 1 / bernoulli_kl(x, mean)
                    pulls = np.minimum(pulls, hidden + late)
            total = total + gap * pulls
    return total


def lost_best(r: Round) -> Float[Array, ""]:
    """The metric that is 1 where a best arm was eliminated; 0 for a policy that eliminates none."""
    value, contends = r.oracle.value(r.world), getattr(getattr(r.state, "belief", None), "contends", None)
    if contends is None:
        return jnp.zeros((), value.dtype)
    return ((value >= value.max()) & ~contends(r.menu)).any().astype(value.dtype)


def regret_or_loss(run: Any) -> np.ndarray:
    """Regret summed over rounds, `[seeds, rounds]`; infinite once a best arm was lost."""
    lost = np.maximum.accumulate(np.asarray(run["lost_best"]), -1) > 0
    return np.where(lost, np.inf, observe.cumulative_regret(run))


def eliminates(policy: Any, oracle: Any) -> str | None:
    """The policy is successive elimination at the theorem's level."""
    if not isinstance(policy, Argmax) or not isinstance(policy.belief, Contenders):
        return "the policy is not successive elimination"
    if not observe._scores_by(policy, contender_score):
        return "the policy is not successive elimination"
    delta = float(policy.belief.delta)
    return None if delta <= DELTA * (1 + 1e-6) else f"the policy's delta is {delta:g}, the theorem's {DELTA:g}"


def rewards_fit(policy: Any, oracle: Any) -> str | None:
    """The oracle's rewards lie in the range that the policy assumes."""
    low, high = getattr(oracle, "reward_range", (-np.inf, np.inf))
    belief = getattr(policy, "belief", None)
    least, most = getattr(belief, "low", None), getattr(belief, "high", None)
    fits = least is not None and most is not None and low >= float(least) - 1e-6 and high <= float(most) + 1e-6
    return None if fits else f"rewards of {type(oracle).__name__} may lie outside the policy's range"


@record
class _Hasty(Contenders):
    """A mutant: a quarter of the width."""

    def width(self, plays: Float[Array, "arms"]) -> Float[Array, "arms"]:
        return 0.24 * Contenders.width(self, plays)


@record
class _Slow(Contenders):
    """A mutant: three times the width."""

    def width(self, plays: Float[Array, "arms"]) -> Float[Array, "arms"]:
        return 3 * Contenders.width(self, plays)


def _eliminating(kind: type[Contenders]) -> Callable[[int], Argmax]:
    def made(arms: int) -> Argmax:
        b = contenders(arms, delta=DELTA)
        return Argmax(kind(b.plays, b.total, b.active, b.delta), contender_score)

    return made


def _elimination_cases(algorithm: Callable[[int], Any], trials: int) -> Iterator[Case]:
    for name, means in {"equal seconds, the best last": (0.4, 0.4, 0.4, 0.8), "two best": (0.9, 0.5, 0.9)}.items():
        oracle, policy = BernoulliBandit(jnp.array(means)), algorithm(len(means))
        yield observe.simulated(
            policy, oracle, f"elimination, {name}", horizon=3000, trials=trials, record=(regret, lost_best)
        )


@guarantee(
    "With probability 0.9 no best arm is lost and R_t <= sum of gap min(t, n_i), n_i the least n: 4 alpha(n) <= gap",
    id="successive-elimination",
    family="bandits",
    latex=r"N_i \le \min\{n : 4\alpha(n) \le \Delta_i\},\quad \alpha(n) = \sqrt{\ln(\pi^2Kn^2/(3\delta))/(2n)}",
    cite="evendar2006action",
    note="proofs_notes/successive-elimination.md",
    bounds=WithProbability(regret_or_loss, DELTA),
    assumes=[eliminates, observe.never_stops, rewards_fit, observe.fixed_means],
    ceiling=_largest_regret,
    algorithm=lambda arms: successive_elimination(arms, delta=DELTA),
    cases=_elimination_cases,
    mutants={"a quarter of the width": _eliminating(_Hasty), "three times the width": _eliminating(_Slow)},
    trials=100,
    mutant_trials=400,
)
def successive_elimination_regret(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    """The regret of successive elimination at rounds `t`, with probability 1 - δ. Cite: evendar2006action."""
    gaps, belief = _gaps(oracle), policy.belief
    width = float(belief.high) - float(belief.low)
    total = np.zeros(np.shape(t))
    for gap in gaps[gaps > 0]:
        total = total + gap * np.minimum(t, pulls_until(gap / width, len(gaps), float(belief.delta)))
    return total


def pulls_until(gap: float, arms: int, delta: float) -> int:
    r"""The least n with :math:`4\alpha(n) \le` `gap`, by bisection."""

    def wide(n: int) -> bool:
        return 4 * math.sqrt(math.log(math.pi**2 * arms * n**2 / (3 * delta)) / (2 * n)) > gap

    high = 1
    while wide(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if wide(middle) else (low, middle)
    return high
