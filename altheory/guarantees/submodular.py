"""Theorems on greedy sets, against brute force on sets small enough for it."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from altheory.guarantees.evidence import Always, Equals, Mean
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.scores import certainty_gain, cost_benefit_greedy, greedy
from altheory.scores.objectives import Coverage

Picks = np.ndarray
Value = Callable[[Any], float]


def best(value: Value, items: int, k: int) -> float:
    """The largest value of a set of k items, by looking at all of them."""
    return max(value(s) for s in itertools.combinations(range(items), k))


@dataclass(frozen=True)
class Weighted:
    """Elements with a `weight` each, covered by items: `covers [items, elements]`."""

    covers: np.ndarray
    weight: np.ndarray

    def __call__(self, picks: Any) -> float:
        chosen = [i for i in picks if i >= 0]
        return float(self.weight[self.covers[chosen].any(0)].sum()) if chosen else 0.0

    @property
    def items(self) -> int:
        return len(self.covers)

    def gains(self, picks: Any) -> np.ndarray:
        return np.array([self((*picks, i)) for i in range(self.items)]) - self(picks)


def _covers(rng: np.random.Generator) -> Iterator[tuple[str, Weighted]]:
    for t in range(3):
        yield f"random sets {t}", Weighted(rng.random((8, 12)) < 0.3, rng.integers(1, 9, 12).astype(float))
    copies = np.zeros((8, 12), bool)
    copies[:3, :4] = True
    for i in range(3, 8):
        copies[i, i + 1 : i + 4] = True
    yield "three copies of the largest set", Weighted(copies, np.ones(12))


def _greedy(f: Weighted, k: int) -> Picks:
    return np.asarray(greedy(Coverage(f.covers, f.weight), k).picks)


def _gains_once(f: Weighted, k: int) -> Picks:
    """A mutant: the k largest gains of the empty set."""
    return np.argsort(-f.gains(()), kind="stable")[:k]


def _least_gain(f: Weighted, k: int) -> Picks:
    """A mutant: the smallest gain."""
    return np.argsort(f.gains(()), kind="stable")[:k]


def _cardinality_cases(algorithm: Callable[[Weighted, int], Picks], trials: int) -> Iterator[Case]:
    """Values lost after each step, and how far the optimum exceeds the best certificate along the way."""
    for name, f in _covers(np.random.default_rng(1)):
        picks = algorithm(f, 5)
        for k in range(1, 6):
            optimum = best(f, f.items, k)
            lost = [optimum - f(picks[:n]) for n in range(1, 6)]
            certificate = min(f(picks[:j]) + np.sort(f.gains(picks[:j]))[-k:].sum() for j in range(6))
            yield Case(f"{name}, best of {k}", (optimum, k, 5), [*lost, optimum * optimum / certificate])


@guarantee(
    "After l greedy steps the value lost is at most (1 - 1/k)^l times the best value of k items",
    id="greedy-cardinality",
    family="submodular",
    latex=r"F^\star_k - F(S_\ell) \le \bigl(1-\tfrac1k\bigr)^\ell F^\star_k",
    cite="nemhauser1978analysis",
    note="proofs_notes/greedy-cardinality.md",
    bounds=Always(as_array, tolerance=1e-5),
    algorithm=_greedy,
    cases=_cardinality_cases,
    mutants={"gains computed once": _gains_once, "least gain first": _least_gain},
)
def greedy_cardinality(optimum: float, k: int, steps: int) -> np.ndarray:
    """The loss against the best k items after 1, 2, ..., `steps` steps, and at last that best value itself.

    Cite: nemhauser1978analysis.
    """
    return np.array([*((1 - 1 / k) ** n * optimum for n in range(1, steps + 1)), optimum])


def _plain(f: Weighted, k: int) -> Picks:
    picks: list[int] = []
    for _ in range(k):
        gains = f.gains(picks)
        gains[picks] = -1
        picks.append(int(gains.argmax()))
    return np.array(picks)


def _last_of_ties(f: Weighted, k: int) -> Picks:
    """A mutant: ties to the highest index."""
    turned = _plain(Weighted(f.covers[::-1], f.weight), k)
    return f.items - 1 - turned


def _lazy_cases(algorithm: Callable[[Weighted, int], Picks], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(2)
    yield from (Case(name, (f, 5), algorithm(f, 5)) for name, f in _covers(rng))
    for t in range(10):
        f = Weighted(rng.random((8, 12)) < 0.4, rng.integers(0, 3, 12).astype(float))
        yield Case(f"ties {t}", (f, 5), algorithm(f, 5))


@guarantee(
    "Lazy greedy, ties to the lowest index, picks what plain greedy picks, in the same order",
    id="lazy-greedy-equivalence",
    family="submodular",
    latex=r"S^{\mathrm{lazy}}_\ell = S^{\mathrm{greedy}}_\ell",
    cite="minoux1978accelerated",
    note="proofs_notes/lazy-greedy-equivalence.md",
    bounds=Equals(as_array),
    algorithm=_greedy,
    cases=_lazy_cases,
    mutants={"a stale top accepted": _gains_once, "ties to the last": _last_of_ties},
)
def lazy_greedy_equivalence(f: Weighted, k: int) -> np.ndarray:
    """The picks of plain greedy, every gain computed afresh. Cite: minoux1978accelerated."""
    return _plain(f, k).astype(float)


@partial(jax.jit, static_argnames=("k", "epsilon"))
def _sampled(objective: Coverage, keys: Any, k: int, epsilon: float) -> Any:
    run = partial(greedy, objective, k, method="stochastic", epsilon=epsilon)
    return jax.vmap(lambda key: run(key=key).values[-1])(keys)


def _stochastic(f: Weighted, k: int, epsilon: float, keys: Any) -> np.ndarray:
    return np.asarray(_sampled(Coverage(f.covers, f.weight), keys, k, epsilon), np.float64)


def _one_at_random(f: Weighted, k: int, epsilon: float, keys: Any) -> np.ndarray:
    """A mutant: samples of a single item."""
    rng = np.random.default_rng(0)
    return np.array([f(rng.permutation(f.items)[:k]) for _ in range(len(keys))])


def _stochastic_cases(algorithm: Callable[..., np.ndarray], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(3)
    needle = Weighted(np.eye(8, dtype=bool), (np.arange(8) == 5) * 1.0)
    instances = {
        "random sets": (Weighted(rng.random((8, 12)) < 0.3, rng.integers(1, 9, 12).astype(float)), 2, 0.3),
        "one item of value, two to pick": (needle, 2, 0.3),
        "one item of value": (needle, 1, 0.35),
    }
    for name, (f, k, epsilon) in instances.items():
        optimum = best(f, f.items, k)
        got = algorithm(f, k, epsilon, jax.random.split(jax.random.key(0), trials))
        yield Case(name, (optimum, epsilon), np.maximum(optimum - got, 0))


@guarantee(
    "Stochastic greedy loses at most (1/e + epsilon) of the best value in expectation",
    id="stochastic-greedy",
    family="submodular",
    latex=r"\mathbb E[F^\star_k - F(S_k)] \le \bigl(\tfrac1e+\epsilon\bigr)F^\star_k",
    cite="mirzasoleiman2015lazier",
    note="proofs_notes/stochastic-greedy.md",
    bounds=Mean(as_array),
    algorithm=_stochastic,
    cases=_stochastic_cases,
    mutants={"samples of one item": _one_at_random},
    trials=1500,
)
def stochastic_greedy(optimum: float, epsilon: float) -> np.ndarray:
    """The largest expected loss against the best k items. Cite: mirzasoleiman2015lazier."""
    return np.array([(1 / math.e + epsilon) * optimum])


@dataclass(frozen=True)
class Market:
    """Elements covered by items as in `Weighted`, what each item costs, and the budget."""

    f: Weighted
    price: np.ndarray
    budget: float

    @property
    def optimum(self) -> float:
        sets = itertools.chain.from_iterable(itertools.combinations(range(self.f.items), k) for k in range(9))
        return max(self.f(s) for s in sets if self.price[list(s)].sum() <= self.budget)


def _cost_benefit(m: Market) -> Picks:
    return np.asarray(cost_benefit_greedy(Coverage(m.f.covers, m.f.weight), m.price, m.budget).picks)


def _by_rate(power: float, *, alone: bool) -> Callable[[Market], Picks]:
    """Mutants: greedy by gain over a power of the price, compared with the best single item or not."""

    def pick(m: Market) -> Picks:
        picks: list[int] = []
        left = m.budget
        while True:
            fits = (m.price <= left) & ~np.isin(range(m.f.items), picks)
            if not fits.any():
                break
            item = int(np.argmax(np.where(fits, m.f.gains(picks) / m.price**power, -1)))
            picks, left = [*picks, item], left - m.price[item]
        single = max((i for i in range(m.f.items) if m.price[i] <= m.budget), key=lambda i: m.f((i,)))
        return np.array([single] if alone and m.f((single,)) > m.f(picks) else picks)

    return pick


def _market_cases(algorithm: Callable[[Market], Picks], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(4)
    apart = np.eye(8, 12, dtype=bool)
    markets = {name: Market(f, 2.0 ** rng.integers(-2, 3, 8), 5.0) for name, f in _covers(rng)}
    dear = np.r_[[0.125, 1.0], np.zeros(10)]
    markets["one cheap item and one that costs it all"] = Market(Weighted(apart, dear), np.r_[0.25, [8.0] * 7], 8.0)
    even = np.r_[1.125, np.ones(11)]
    markets["one dear item and many cheap ones"] = Market(Weighted(apart, even), np.r_[7.0, np.ones(7)], 7.0)
    for name, m in markets.items():
        yield Case(name, (m,), [m.optimum - m.f(algorithm(m))])


@guarantee(
    "The better of the ratio rule's set and the best single item is worth (1 - 1/e)/2 of the best affordable set",
    id="cost-benefit-greedy",
    family="submodular",
    latex=r"\max\{F(S), \max_xF(x)\} \ge \tfrac12\bigl(1-\tfrac1e\bigr)\mathrm{OPT}_B",
    cite="leskovec2007cost",
    note="proofs_notes/cost-benefit-greedy.md",
    bounds=Always(as_array, tolerance=1e-5),
    algorithm=_cost_benefit,
    cases=_market_cases,
    mutants={
        "no comparison with one item": _by_rate(1.0, alone=False),
        "price ignored": _by_rate(0.0, alone=True),
    },
)
def cost_benefit_loss(market: Market) -> np.ndarray:
    """The largest loss against the best affordable set, found by brute force. Cite: leskovec2007cost."""
    return np.array([(1 - 0.5 * (1 - 1 / math.e)) * market.optimum])


@dataclass(frozen=True)
class Similar:
    """Unit vectors `x [items, d]`, of which some are `labelled`; every item is a target."""

    x: np.ndarray
    labelled: np.ndarray

    @property
    def base(self) -> np.ndarray:
        return np.maximum(0, (self.x @ self.x[self.labelled].T).max(1, initial=0.0))

    def __call__(self, picks: Any) -> float:
        near = (self.x @ self.x[list(picks)].T).max(1, initial=0.0)
        return float(np.maximum(near - self.base, 0).sum())

    def optimum(self, k: int) -> float:
        return max(self(s) for s in itertools.combinations(np.flatnonzero(~self.labelled), k))


def _certain(s: Similar, k: int) -> tuple[Picks, np.ndarray]:
    batch = certainty_gain(s.x, k, labelled=s.labelled)
    return np.asarray(batch.picks), np.asarray(batch.values, np.float64) * len(s.x)


def _certain_mutant(*, clipped: bool, fresh: bool) -> Callable[[Similar, int], tuple[Picks, np.ndarray]]:
    """Mutants: gains not clipped at 0, or certainties that picks do not raise."""

    def pick(s: Similar, k: int) -> tuple[Picks, np.ndarray]:
        picks: list[int] = []
        near, values = s.base, [0.0]
        for _ in range(k):
            rise = s.x @ s.x.T - near[:, None]
            gain = (np.maximum(rise, 0) if clipped else rise).sum(0)
            gain[s.labelled | np.isin(range(len(s.x)), picks)] = -np.inf
            picks.append(int(gain.argmax()))
            values.append(values[-1] + float(gain.max()))
            near = np.maximum(near, s.x @ s.x[picks[-1]]) if fresh else near
        return np.array(picks), np.array(values[1:])

    return pick


def _similar_cases(algorithm: Callable[..., tuple[Picks, np.ndarray]], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(5)
    pools = {"any direction": rng.normal(size=(10, 3)), "three clusters": np.repeat(np.eye(3), [4, 3, 3], 0)}
    pools["three clusters"] = pools["three clusters"] + rng.normal(size=(10, 3)) / 20
    for name, x in pools.items():
        for known in (0, 2):
            s = Similar(x / np.linalg.norm(x, axis=1, keepdims=True), np.arange(10) < known)
            picks, values = algorithm(s, 3)
            optimum = [s.optimum(k) for k in (1, 2, 3)]
            sets = [s(picks[:k]) for k in (1, 2, 3)]
            lost = [best - got for best, got in zip(optimum, sets, strict=True)]
            yield Case(f"{name}, {known} labelled", (s,), [*lost, *np.abs(values - sets)])


@guarantee(
    "Certainty gain is a facility location: its values are those of the sets, and greedy loses at most (1 - 1/k)^k",
    id="facility-location-acg",
    family="submodular",
    latex=r"|U|\,\mathrm{ACG}(S) = F(S),\quad F^\star_k-F(S_k) \le \bigl(1-\tfrac1k\bigr)^k F^\star_k",
    cite="xia2025selection",
    note="proofs_notes/facility-location-acg.md",
    bounds=Always(as_array, tolerance=1e-5),
    algorithm=_certain,
    cases=_similar_cases,
    mutants={
        "gain not clipped at 0": _certain_mutant(clipped=False, fresh=True),
        "certainty not raised by picks": _certain_mutant(clipped=True, fresh=False),
    },
)
def facility_location_acg(s: Similar) -> np.ndarray:
    """The loss after 1, 2 and 3 picks, and then the error allowed in the values reported. Cite: xia2025selection."""
    return np.array([*((1 - 1 / k) ** k * s.optimum(k) for k in (1, 2, 3)), *([1e-5 * len(s.x)] * 3)])
