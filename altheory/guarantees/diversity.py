"""Theorems on batches that spread: farthest-first centres and seeds by squared distance."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from altheory.guarantees.evidence import Always, Mean
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.scores import k_center
from altheory.scores.squared_distance import Products, squared_distance_sample

Picks = np.ndarray
SEEDED = 100
"""Items in the pools that are seeded."""


@dataclass(frozen=True)
class Pool:
    """Points `x [items, d]`, the centres `labelled` among them, and how many `k` to pick."""

    x: np.ndarray
    labelled: np.ndarray
    k: int

    @property
    def distances(self) -> np.ndarray:
        return np.linalg.norm(self.x[:, None] - self.x, axis=-1)

    def radius(self, picks: Any) -> float:
        centres = [*picks, *np.flatnonzero(self.labelled)]
        return float(self.distances[:, centres].min(1).max())


def _k_center(pool: Pool) -> Picks:
    return np.asarray(k_center(pool.x, pool.k, labelled=pool.labelled))


def _stale_distances(pool: Pool) -> Picks:
    """A mutant: the farthest from what was there at first, picks not counted."""
    base = np.flatnonzero(pool.labelled) if pool.labelled.any() else [0]
    near = pool.distances[:, base].min(1)
    return np.argsort(-near, kind="stable")[: pool.k]


def _nearest_first(pool: Pool) -> Picks:
    """A mutant: the nearest item that is no copy."""
    near = pool.distances[:, np.flatnonzero(pool.labelled) if pool.labelled.any() else [0]].min(1)
    return np.argsort(np.where(near > 0, near, np.inf), kind="stable")[: pool.k]


def _pools(rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    yield "points", rng.normal(size=(12, 2))
    yield "a geometric chain", np.c_[2.0 ** np.arange(12), np.zeros(12)]
    yield "a grid", np.array(list(itertools.product(range(4), range(3))), float)
    yield "copies and one far", np.r_[np.zeros((5, 2)), rng.normal(size=(6, 2)) / 10, [[50.0, 50.0]]]


def _k_center_cases(algorithm: Callable[[Pool], Picks], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    for name, x in _pools(rng):
        for known in (0, 2):
            pool = Pool(x, np.arange(12) < known, 3)
            yield Case(f"{name}, {known} labelled", (pool,), [pool.radius(algorithm(pool))])


@guarantee(
    "The radius of k farthest-first centres is at most twice the smallest radius of any k",
    id="k-center-greedy",
    family="diversity",
    latex=r"\max_x\min_{c\in L\cup S}\rho(x,c) \le 2\min_{|S'|=k}\max_x\min_{c\in L\cup S'}\rho(x,c)",
    cite="gonzalez1985clustering",
    note="proofs_notes/k-center-greedy.md",
    bounds=Always(as_array, tolerance=1e-5),
    algorithm=_k_center,
    cases=_k_center_cases,
    mutants={"distances not updated": _stale_distances, "nearest first": _nearest_first},
)
def k_center_greedy(pool: Pool) -> np.ndarray:
    """Twice the best radius of `pool.k` centres, by brute force. Cite: gonzalez1985clustering."""
    return np.array([2 * min(pool.radius(s) for s in itertools.combinations(range(len(pool.x)), pool.k))])


@jax.jit
def _two_seeds(x: Any, keys: Any) -> Any:
    items = Products.of(jnp.ones((len(x), 1), x.dtype), x)
    return jax.vmap(lambda key: squared_distance_sample(items, jnp.ones(len(x), bool), key, 2))(keys)


def _seed_costs(x: np.ndarray, k: int, keys: Any) -> np.ndarray:
    """Costs of k = 1 or 2 seeds: of two, the first is what one would have been."""
    seeds = np.asarray(_two_seeds(x, keys))[:, :k]
    return ((x[:, None, None] - x[seeds]) ** 2).sum(-1).min(2).sum(0)


def _seeded(first: bool, power: float) -> Callable[..., np.ndarray]:
    """Mutants: seeds drawn by another power of the distance, or the longest vector first."""

    def costs(x: np.ndarray, k: int, keys: Any) -> np.ndarray:
        rng, found = np.random.default_rng(0), []
        for _ in range(len(keys)):
            start = int(np.argmax((x**2).sum(1))) if first else int(rng.integers(len(x)))
            near = ((x - x[start]) ** 2).sum(1)
            for _ in range(k - 1):
                law = near ** (power / 2) if power else np.ones(len(x))
                near = np.minimum(near, ((x - x[rng.choice(len(x), p=law / law.sum())]) ** 2).sum(1))
            found.append(near.sum())
        return np.array(found)

    return costs


def _seeding_cases(algorithm: Callable[..., np.ndarray], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    noise, n = rng.normal(size=(SEEDED, 1)), np.arange(SEEDED)
    pools = {
        "two far clusters": (noise + 100.0 * (n < SEEDED // 2)[:, None], n < SEEDED // 2, 2),
        "a far singleton": (noise + SEEDED * (n == 0)[:, None], n == 0, 2),
        "one cluster with an outlier": (noise / 1e3 + (n == 0)[:, None], n < 0, 1),
    }
    keys = jax.random.split(jax.random.key(0), trials)
    for name, (x, label, k) in pools.items():
        optimum = sum(((part - part.mean(0)) ** 2).sum() for part in (x[label], x[~label]) if len(part))
        yield Case(name, (k, optimum), algorithm(x.astype(np.float32), k, keys))


@guarantee(
    "Seeds by squared distance cost at most 8 (ln k + 2) times the optimum in expectation",
    id="kmeanspp",
    family="diversity",
    latex=r"\mathbb E\phi \le 8(\ln k+2)\,\phi_{\mathrm{OPT}}",
    cite="arthur2007kmeans",
    note="proofs_notes/kmeanspp.md",
    bounds=Mean(as_array),
    algorithm=_seed_costs,
    cases=_seeding_cases,
    mutants={
        "uniform seeds": _seeded(first=False, power=0.0),
        "distance for squared distance": _seeded(first=False, power=1.0),
        "the longest vector first": _seeded(first=True, power=2.0),
    },
    trials=400,
)
def kmeanspp(k: int, optimum: float) -> np.ndarray:
    """The bound on the expected cost of k seeds where the best k centres cost `optimum`. Cite: arthur2007kmeans."""
    return np.array([8 * (math.log(k) + 2) * optimum])
