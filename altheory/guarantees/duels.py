"""Theorems on duels: RUCB at a stated confidence, the Borda reduction, and fitting Bradley and Terry's model."""

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.beliefs import duels, logistic, mm_step
from altheory.core import Key, Menu, score
from altheory.core.record import record
from altheory.guarantees.evidence import Always, Equals, WithProbability
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.oracles import DuelBandit
from altheory.policies import Argmax, rucb
from altheory.scores import rucb_score
from altheory.sim import simulate

DELTA, HORIZON = 0.1, 3000
Chances = np.ndarray


def cap(gap: float, items: int, delta: float) -> int:
    r""":math:`\bar n(\Delta)=\min\{n: 2r(n)<\Delta\}`: duels after which a pair of that gap is told apart."""

    def radius(n: float) -> float:
        return math.sqrt(math.log(math.pi**2 * items * (items - 1) * n * n / (6 * delta)) / (2 * n))

    low, high = 1, 2
    while 2 * radius(high) >= gap:
        low, high = high, 2 * high
    while high - low > 1:
        half = (low + high) // 2
        low, high = (low, half) if 2 * radius(half) < gap else (half, high)
    return high if 2 * radius(1) >= gap else 1


def caps(chance: Chances, delta: float) -> np.ndarray:
    """The most duels of each pair, `[K, K]`; of the winner with itself, no limit."""
    items = len(chance)
    best = int(np.flatnonzero((chance >= 0.5).all(1))[0])
    gap = chance[best] - 0.5
    most = np.zeros_like(chance)
    for i in range(items):
        for j in range(items):
            own = [g for k, g in ((i, gap[i]), (j, gap[j])) if k != best]
            most[i, j] = np.inf if not own else 0 if i == j else cap(min(own), items, delta)
    return most


def instances() -> dict[str, Chances]:
    """A winner in the last place, cycles among the losers, and a clear order."""
    cycle = np.full((5, 5), 0.5)
    for i in range(4):
        cycle[i, (i + 1) % 4], cycle[(i + 1) % 4, i] = 0.95, 0.05
    cycle[4, :4], cycle[:4, 4] = 0.8, 0.2
    strength = np.array([0.2, 1.0, 4.0])
    return {"cycles, winner last": cycle, "an order": strength[:, None] / (strength[:, None] + strength)}


def _worst(belief: Any, most: np.ndarray) -> np.ndarray:
    """By how much some pair met more often than its cap allows, in each run."""
    n = np.asarray(belief.wins + jnp.swapaxes(belief.wins, -1, -2), np.float64)
    both = np.triu(np.maximum(most, most.T), 1)
    over = np.triu(n, 1) - np.where(np.isinf(both), np.inf, both)
    same = np.diagonal(n, axis1=-2, axis2=-1) > 0
    wrong = same & ~np.isinf(np.diagonal(most))
    idle = np.triu(n, 1).sum((1, 2)) - both[np.isfinite(both)].sum()
    live = HORIZON - np.where(np.isinf(np.diagonal(most)), np.diagonal(n, axis1=-2, axis2=-1) / 2, 0).sum(1)
    return np.stack([over.max((1, 2)), 1.0 * wrong.any(1), idle, live - both[np.isfinite(both)].sum()], -1).max(-1)


def _after(policy: Any, oracle: DuelBandit, trials: int) -> Any:
    """The counts of all duels at the end, a table a run."""
    run = jax.jit(jax.vmap(lambda key: simulate(policy, oracle, key, horizon=HORIZON)[0].belief))
    return run(jax.random.split(jax.random.key(0), trials))


def _rucb_cases(algorithm: Callable[[int], Any], trials: int) -> Iterator[Case]:
    for name, chance in instances().items():
        belief = _after(algorithm(len(chance)), DuelBandit(jnp.asarray(chance, jnp.float32)), trials)
        yield Case(name, (chance, DELTA), _worst(belief, caps(chance, DELTA)))


def _any_champion(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    """A mutant: the champion is anyone, the challenger its likeliest better."""
    items = belief.wins.shape[0]
    n = belief.wins + belief.wins.T
    share = jnp.where(n > 0, belief.wins / jnp.maximum(n, 1), 1.0) + 1 / jnp.sqrt(jnp.maximum(n, 1))
    champion = jax.random.randint(key, (), 0, items)
    challenger = jnp.argmax(share[:, champion])
    return ((menu.x[:, 0] == champion) & (menu.x[:, 1] == challenger)).astype(share.dtype)


@record
class _OnlyDuels(Argmax):
    """A mutant: no item ever meets itself."""

    def select(self, state: Any, menu: Menu, key: Key) -> Any:
        return Argmax.select(self, state, menu.closing(menu.x[:, 0] == menu.x[:, 1]), key)


@guarantee(
    "P(some pair meets more often than its gap allows, or the winner does not meet itself from then on) <= delta",
    id="rucb-delta",
    family="bandits",
    latex=r"N_{ij} \le \bar n(\min(\Delta_i,\Delta_j)),\quad \bar n(\Delta) = \min\{n : 2r(n) < \Delta\}",
    cite="zoghi2014relative",
    note="proofs_notes/rucb-delta.md",
    bounds=WithProbability(as_array, DELTA),
    algorithm=lambda items: rucb(items, delta=DELTA),
    cases=_rucb_cases,
    mutants={
        "anyone is champion": lambda items: Argmax(duels(items), _any_champion),
        "no item meets itself": lambda items: _OnlyDuels(duels(items), score(rucb_score, delta=DELTA)),
    },
    trials=100,
)
def rucb_delta(chance: Chances, delta: float) -> float:
    """How far beyond their caps pairs may meet: not at all. Cite: zoghi2014relative."""
    return 0.0


def _borda_cases(algorithm: Callable[[Chances], np.ndarray], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    for items in (2, 3, 6):
        p = rng.random((items, items))
        p = np.triu(p, 1) + np.tril(1 - p.T, -1) + 0.5 * np.eye(items)
        borda = algorithm(p)
        yield Case(f"{items} items", (p,), np.append(borda, borda.sum()))


def _borda(p: Chances) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(DuelBandit(jnp.asarray(p)).reduced().means, np.float64)


@guarantee(
    "A duel against a uniform other item is a Bernoulli arm of mean b_i, and the b_i add up to K/2",
    id="borda-reduction",
    family="bandits",
    latex=r"b_i = \tfrac1{K-1}\sum_{j\ne i}p_{ij},\quad \sum_ib_i = \tfrac K2",
    cite="bengs2021preference",
    note="proofs_notes/borda-reduction.md",
    bounds=Equals(as_array, tolerance=1e-6),
    algorithm=_borda,
    cases=_borda_cases,
    mutants={"opponents include oneself": lambda p: p.mean(1)},
)
def borda_reduction(chance: Chances) -> np.ndarray:
    """Each item's mean against the others, and their sum. Cite: bengs2021preference."""
    items = len(chance)
    means = [np.mean([chance[i, j] for j in range(items) if j != i]) for i in range(items)]
    return np.append(means, items / 2)


Step = Callable[[np.ndarray, np.ndarray], np.ndarray]


def log_likelihood(wins: np.ndarray, strength: np.ndarray) -> float:
    """Of Bradley and Terry's model."""
    odds = np.log(strength[:, None]) - np.log(strength[:, None] + strength)
    return float((wins * odds)[~np.eye(len(wins), dtype=bool)].sum())


def _mm_cases(algorithm: Step, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(1)
    for t in range(30):
        items = int(rng.integers(2, 7))
        wins = rng.poisson(rng.choice([0.3, 2.0, 20.0]), (items, items)).astype(float) + 0.01
        np.fill_diagonal(wins, 0)
        strength = rng.exponential(size=items) + 0.01
        fall = []
        for _ in range(15):
            after = algorithm(wins, strength)
            fall.append(log_likelihood(wins, strength) - log_likelihood(wins, after))
            strength = after
        yield Case(f"table {t}", (wins,), [max(fall)])


@guarantee(
    "A step of the MM algorithm never lowers the likelihood of Bradley and Terry's model",
    id="bradley-terry-mm",
    family="labelling",
    latex=r"\gamma_i' = W_i\Big/\sum_{j\ne i}\frac{n_{ij}}{\gamma_i+\gamma_j}:\quad \ell(\gamma')\ge\ell(\gamma)",
    cite="hunter2004mm",
    note="proofs_notes/bradley-terry-mm.md",
    bounds=Always(as_array, tolerance=1e-9),
    algorithm=mm_step,
    cases=_mm_cases,
    mutants={"losses for wins": lambda wins, strength: mm_step(wins.T, strength)},
)
def bradley_terry_mm(wins: np.ndarray) -> float:
    """By how much a step may lower the log-likelihood: not at all. Cite: hunter2004mm."""
    return 0.0


Chance = Callable[[np.ndarray, np.ndarray], Any]
"""From utilities' weights and the features of a duel `[n, 2, d]` to the chance that the first wins `[n]`."""


def _by_differences(theta: Any, x: Any) -> Any:
    """What a logistic belief on differences predicts."""
    belief = logistic(x.shape[-1]).replace(weights=theta[None])  # type: ignore[attr-defined]
    return belief.classify(x[:, 0] - x[:, 1])[:, 1]


def _by_sums(theta: Any, x: Any) -> Any:
    return _by_differences(theta, jnp.stack([x[:, 0], -x[:, 1]], 1))


def _likelihood(chance: Chance, theta: Any, x: Any, y: Any) -> Any:
    p = chance(theta, x)
    return jnp.where(y > 0, jnp.log(p), jnp.log1p(-p)).sum()


def _logistic_cases(algorithm: Chance, trials: int) -> Iterator[Case]:
    rng, n, d = np.random.default_rng(2), 7, 3
    value = functools.partial(_likelihood, algorithm)

    @jax.jit
    def told(theta: Any, x: Any, y: Any) -> Any:
        parts = value(theta, x, y), jax.grad(value)(theta, x, y), -jax.hessian(value)(theta, x, y)
        return jnp.concatenate([jnp.ravel(part) for part in parts])

    with jax.enable_x64(True):
        for t in range(20):
            x, theta, y = rng.standard_normal((n, 2, d)), rng.standard_normal(d) * (t % 3), rng.integers(0, 2, n)
            x[0, 1] = x[0, 0]
            yield Case(f"duels {t}", (theta, x, y), told(jnp.asarray(theta), jnp.asarray(x), jnp.asarray(y)))


@guarantee(
    "Bradley and Terry's model with linear utilities is logistic regression on differences of features",
    id="dueling-bt-logistic",
    family="labelling",
    latex=r"\frac{e^{\theta^\top x_i}}{e^{\theta^\top x_i}+e^{\theta^\top x_j}} = \mu(\theta^\top(x_i-x_j)),\quad"
    r" I(\theta) = \sum\mu'zz^\top \preceq \tfrac14\sum zz^\top",
    cite="bengs2021preference",
    note="proofs_notes/dueling-bt-logistic.md",
    bounds=Equals(as_array, tolerance=1e-6),
    algorithm=_by_differences,
    cases=_logistic_cases,
    mutants={"sums for differences": _by_sums},
)
def dueling_bt_logistic(theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The log-likelihood of duels `x [n, 2, d]` with outcomes `y`, its gradient, and the information, end to end.

    From strengths :math:`e^{\\theta^\\top x}`. Cite: bengs2021preference.
    """
    strength = np.exp(x @ theta)
    p = strength[:, 0] / strength.sum(1)
    z = x[:, 0] - x[:, 1]
    likelihood = np.log(np.where(y > 0, p, 1 - p)).sum()
    information = (z * (p * (1 - p))[:, None]).T @ z
    return np.concatenate([[likelihood], z.T @ (y - p), information.ravel()])
