"""Theorems on indices: Gittins' on chains, against value iteration on their product; Pandora's for Gaussian items."""

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from scipy import optimize, stats
from scipy.special import xlogy

from altheory.guarantees.evidence import Always, Equals
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.scores import GaussianPrize, expected_improvement, gittins_index, reservation_value, restart_index

Index = Callable[[np.ndarray, np.ndarray, float], Any]
Arms = tuple[tuple[np.ndarray, np.ndarray], ...]
"""A transition matrix and a reward vector for each arm."""


def _arms(seed: int) -> Arms:
    """Two or three arms of three states: sparse, some alike, one that improves before it pays."""
    rng = np.random.default_rng(seed)
    arms = []
    for _ in range(2 + seed % 2):
        move = np.where(rng.random((3, 3)) < 0.4, 0, rng.random((3, 3))) + np.eye(3)[rng.permutation(3)] * 0.1
        arms.append((move / move.sum(1, keepdims=True), rng.integers(0, 5, 3).astype(float)))
    slow = np.array([[0.0, 1, 0], [0, 0, 1], [0, 0, 1]]), np.array([0.0, 0, 4])
    return (slow, *arms[1:])


def _joint(arms: Arms) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each arm that may be pulled: transitions and rewards on the product of the chains."""
    moves, pays = [], []
    for pulled in range(len(arms)):
        parts = [arm[0] if i == pulled else np.eye(len(arm[1])) for i, arm in enumerate(arms)]
        moves.append(functools.reduce(np.kron, parts))
        states = itertools.product(*(range(len(arm[1])) for arm in arms))
        pays.append(np.array([arms[pulled][1][s[pulled]] for s in states]))
    return moves, pays


def best_value(arms: Arms, discount: float) -> np.ndarray:
    """The optimal discounted reward in each joint state, by policy iteration."""
    moves, pays = _joint(arms)
    choice = np.zeros(len(pays[0]), int)
    at = np.arange(len(choice))
    while True:
        move, pay = np.stack(moves)[choice, at], np.stack(pays)[choice, at]
        value = np.linalg.solve(np.eye(len(choice)) - discount * move, pay)
        each = np.stack([p + discount * m @ value for m, p in zip(moves, pays, strict=True)])
        better = np.where(each.max(0) > each[choice, at] + 1e-11, each.argmax(0), choice)
        if (better == choice).all():
            return value
        choice = better


def index_value(arms: Arms, discount: float, index: Index) -> np.ndarray:
    """The discounted reward of pulling an arm of the largest index, in each joint state."""
    moves, pays = _joint(arms)
    each = [np.asarray(index(move, pay, discount), np.float64) for move, pay in arms]
    states = itertools.product(*(range(len(arm[1])) for arm in arms))
    choice = np.array([np.argmax([each[i][x] for i, x in enumerate(s)]) for s in states])
    at = np.arange(len(choice))
    move, pay = np.stack(moves)[choice, at], np.stack(pays)[choice, at]
    return np.linalg.solve(np.eye(len(choice)) - discount * move, pay)


def _chain_cases(algorithm: Index, trials: int) -> Iterator[Case]:
    for seed in range(6):
        for discount in (0.5, 0.9):
            arms = _arms(seed)
            yield Case(f"arms {seed}, {discount:g}", (arms, discount), index_value(arms, discount, algorithm))


def _myopic(move: np.ndarray, pay: np.ndarray, discount: float) -> np.ndarray:
    """A mutant: the reward of the next pull."""
    return pay


def _lasting(move: np.ndarray, pay: np.ndarray, discount: float) -> np.ndarray:
    """A mutant: the mean reward of pulling for ever."""
    return (1 - discount) * np.linalg.solve(np.eye(len(pay)) - discount * move, pay)


@guarantee(
    "Pulling an arm of the largest Gittins index maximises discounted reward over independent chains",
    id="gittins-index",
    family="search",
    latex=r"\gamma(s) = \sup_\tau\frac{E\sum_{t<\tau}\beta^tr_t}{E\sum_{t<\tau}\beta^t}",
    cite="gittins1979bandit",
    note="proofs_notes/gittins-index.md",
    bounds=Equals(as_array, tolerance=1e-6),
    algorithm=gittins_index,
    cases=_chain_cases,
    mutants={"next reward": _myopic, "reward for ever": _lasting},
)
def gittins_optimal(arms: Arms, discount: float) -> np.ndarray:
    """The optimal value in each joint state. Cite: gittins1979bandit."""
    return best_value(arms, discount)


Box = tuple[np.ndarray, np.ndarray, float]
"""Values, probabilities and price."""


def box_chain(box: Box, discount: float) -> tuple[np.ndarray, np.ndarray]:
    r"""A box as a chain: closed it pays :math:`-c`, and once open :math:`(1-\beta)v` for ever."""
    values, probs, price = box
    move = np.eye(len(values) + 1)
    move[0] = np.r_[0, probs]
    return move, np.r_[-price, (1 - discount) * values]


def _box_cases(algorithm: Callable[[Box, float], float], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(6)
    for t in range(8):
        box = rng.integers(-2, 9, 4).astype(float), rng.dirichlet(np.ones(4)), float(rng.choice([0.1, 0.5, 2.0]))
        for discount in (0.6, 0.95, 1 - 1e-6):
            yield Case(f"box {t}, {discount:g}", (box, discount), [algorithm(box, discount)])


def _by_chain(box: Box, discount: float) -> float:
    """The box's index in units of prizes, as the Gittins index of its chain."""
    return float(restart_index(*box_chain(box, discount), discount)[0] / (1 - discount))


def _late_price(box: Box, discount: float) -> float:
    """A mutant: the price discounted as the prize is."""
    return _by_chain((box[0], box[1], discount * box[2] * 0.5), discount)


@guarantee(
    "A box is an arm pulled once: its Gittins index is the retirement reward at which opening it is worth just that",
    id="pandora-as-gittins",
    family="search",
    latex=r"\kappa = \inf\{M: \max(M, -c+\beta E\max(V,M)) = M\}",
    cite="weitzman1979optimal",
    note="proofs_notes/pandora-as-gittins.md",
    bounds=Equals(as_array, tolerance=1e-5),
    algorithm=_by_chain,
    cases=_box_cases,
    mutants={"price at half and late": _late_price},
)
def pandora_as_gittins(box: Box, discount: float) -> float:
    """The root of the retirement equation, by bisection. Cite: weitzman1979optimal."""
    values, probs, price = box

    def gain(k: float) -> float:
        return float(-price + discount * probs @ np.maximum(values, k) - k)

    low = -(price + 20) / (1 - discount)
    return float(optimize.brentq(gain, low, 20.0, xtol=1e-12, rtol=1e-14))


Gaussians = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Means, standard deviations, prices and best values in hand, `[items]` each."""


def _pbgi_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    """The price that each index is the root for, and whether the rule opens what has more improvement than price."""
    rng = np.random.default_rng(7)
    for name, width, dear in (("ordinary", 1.0, 1.0), ("narrow and dear", 1e-3, 1e2), ("wide and cheap", 1e3, 1e-4)):
        mean, std = rng.normal(size=40), width * rng.exponential(size=40) + 1e-9
        price, best = dear * rng.exponential(size=40), mean + std * rng.normal(size=40)
        with jax.enable_x64(True):
            index = np.asarray(algorithm(mean, std, price))
        z = (mean - index) / std
        back = np.where(z > -30, std * (z * stats.norm.cdf(z) + stats.norm.pdf(z)), price)
        yield Case(name, ((mean, std, price, best),), np.stack([back, index > best]))


def _pbgi(mean: np.ndarray, std: np.ndarray, price: np.ndarray) -> Any:
    return reservation_value(GaussianPrize(mean, std), price)


def _per_cost(mean: np.ndarray, std: np.ndarray, price: np.ndarray) -> Any:
    """A mutant: improvement over the best mean, per unit of cost."""
    return expected_improvement(mean, std, mean.max()) / price


@guarantee(
    "Pandora's index of a Gaussian item exceeds the best in hand where expected improvement exceeds the price",
    id="pbgi",
    family="search",
    latex=r"\mathrm{EI}(\kappa)=\lambda c,\quad \kappa>y^\star \iff \mathrm{EI}(y^\star)>\lambda c",
    cite="xie2024cost",
    note="proofs_notes/pbgi.md",
    bounds=Equals(as_array, tolerance=1e-7),
    algorithm=_pbgi,
    cases=_pbgi_cases,
    mutants={"improvement per unit of cost": _per_cost},
)
def pbgi_stop(items: Gaussians) -> np.ndarray:
    """The prices, and whether improvement over the best exceeds them, `[2, items]`. Cite: xie2024cost."""
    mean, std, price, best = items
    z = (mean - best) / std
    return np.stack([price, std * (z * stats.norm.cdf(z) + stats.norm.pdf(z)) > price])


Problem = tuple[np.ndarray, np.ndarray]
"""A joint law of states and labels `[K, C]`, and utilities of actions `[actions, K]` in [0, 1]."""


def _information(joint: np.ndarray) -> float:
    """Mutual information in nats."""
    product = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    return float((xlogy(joint, joint) - xlogy(joint, product)).sum())


def _gain(problem: Problem) -> float:
    """By how much the label raises the best expected utility."""
    joint, utility = problem
    return float((utility @ joint).max(0).sum() - (utility @ joint.sum(1)).max())


def _decisions() -> Iterator[tuple[str, Problem]]:
    rng = np.random.default_rng(8)
    for t in range(6):
        yield f"random {t}", (rng.dirichlet(np.full(12, 0.3)).reshape(4, 3), rng.random((3, 4)))
    yield "guess the state", (np.array([[0.4, 0.1], [0.1, 0.4]]), np.eye(2))
    for slip in (0.3, 0.45):
        yield f"a weak label, {slip:g}", (np.array([[1 - slip, slip], [slip, 1 - slip]]) / 2, np.eye(2))
    yield "a rare label that decides", (np.array([[0.9, 0.0], [0.02, 0.08]]), np.eye(2))


def _kg_cases(algorithm: Callable[[float], float], trials: int) -> Iterator[Case]:
    """The knowledge gradient, its opposite, and information less its bound's inverse, on decisions with few states."""
    for name, problem in _decisions():
        gain, information = _gain(problem), _information(problem[0])
        yield Case(name, (problem,), [gain / max(algorithm(information), 1e-12), -gain])


@guarantee(
    "With utilities in [0, 1] the knowledge gradient is at most the root of half the expected information gain",
    id="kg-eig",
    family="search",
    latex=r"0 \le \mathrm{KG}(x) \le \sqrt{\tfrac12\mathrm{EIG}(x)}",
    cite="frazier2009knowledge",
    note="proofs_notes/kg-eig.md",
    bounds=Always(as_array),
    algorithm=lambda information: float(np.sqrt(information / 2)),
    cases=_kg_cases,
    mutants={"a quarter for the half": lambda information: float(np.sqrt(information / 4))},
)
def kg_eig(problem: Problem) -> np.ndarray:
    """One, the share of its bound that the knowledge gradient may have, and zero. Cite: frazier2009knowledge."""
    return np.array([1.0, 0.0])
