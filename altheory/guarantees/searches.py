"""Searches small enough for dynamic programming and for looking at every outcome."""

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from altheory.oracles import BoxSearch
from altheory.scores import DiscretePrize
from altheory.sim import cost, welfare
from altheory.sim.simulate import run

MakePolicy = Callable[..., Any]
"""From the laws of K boxes and their prices `[K]`, and what else is given, to a policy."""


@dataclass(frozen=True)
class Searches:
    """n searches: whole-number `values [n, K, atoms]`, their `probs`, prices `[n, K]`; the outside option is 0."""

    values: np.ndarray
    probs: np.ndarray
    price: np.ndarray

    def oracle(self, i: int) -> BoxSearch:
        """Search i as an oracle."""
        return BoxSearch(DiscretePrize(self.values[i], self.probs[i]), self.price[i])

    def scaled(self, factor: float) -> "Searches":
        """The same with every price multiplied."""
        return Searches(self.values, self.probs, factor * self.price)


def random_searches(n: int, boxes: int, atoms: int, *, seed: int = 0, low: int = -2, high: int = 8) -> Searches:
    """Searches full of ties: whole values, some without mass, equal boxes, prices in quarters, some of them high."""
    rng = np.random.default_rng(seed)
    values = rng.integers(low, high + 1, (n, boxes, atoms)).astype(float)
    probs = rng.dirichlet(np.full(atoms, 0.7), (n, boxes))
    probs = np.where(probs < 0.05, 0, probs)
    halves = rng.random((n, boxes, 1)) < 0.4
    probs = np.where(halves, np.eye(atoms)[0] / 2 + np.eye(atoms)[-1] / 2, probs / probs.sum(-1, keepdims=True))
    price = rng.choice([0.25, 0.25, 0.5, 1, 2, 6], (n, boxes))
    same = rng.random(n) < 0.3
    for x in (values, probs, price):
        x[same, 0] = x[same, -1]
    return Searches(values, probs, price)


def optimum(searches: Searches, *, obligatory: bool = True, parent: np.ndarray | None = None) -> np.ndarray:
    """The best expected prize less prices `[n]`, by dynamic programming over (opened boxes, best in hand).

    Without obligation a box that was not opened may be taken at the end; `parent` says what must be opened before.
    """
    n, boxes, atoms = searches.values.shape
    grid = np.arange(int(max(searches.values.max(), 0)) + 1)
    means = (searches.values * searches.probs).sum(-1)
    known: dict[int, np.ndarray] = {}
    for opened in range(2**boxes - 1, -1, -1):
        best = np.broadcast_to(grid, (n, len(grid))).astype(float)
        for i in (i for i in range(boxes) if not opened >> i & 1):
            if not obligatory:
                best = np.maximum(best, means[:, i : i + 1])
            if parent is not None and parent[i] >= 0 and not opened >> int(parent[i]) & 1:
                continue
            then = known[opened | 1 << i]
            held = [np.maximum(grid, np.maximum(searches.values[:, i, a : a + 1], 0)).astype(int) for a in range(atoms)]
            after = [searches.probs[:, i, a : a + 1] * np.take_along_axis(then, held[a], 1) for a in range(atoms)]
            best = np.maximum(best, np.sum(after, 0) - searches.price[:, i : i + 1])
        known[opened] = best
    return known[0][:, 0]


def achieved(
    policy: MakePolicy, searches: Searches, *, parent: Any = None, given: tuple[Any, ...] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """A policy's exact expected welfare and spending `[n]`: it is run on every outcome of every search.

    `given` are further arrays `[n, ...]` that the policy is made from, a row for each search.
    """
    boxes, atoms = searches.values.shape[1:]
    which = np.array(list(itertools.product(range(atoms), repeat=boxes)))
    worlds = np.take_along_axis(searches.values[:, None], which[None, :, :, None], 3)[..., 0]
    chance = np.take_along_axis(searches.probs[:, None], which[None, :, :, None], 3)[..., 0].prod(-1)
    with jax.enable_x64(True):
        made = [jnp.asarray(x, float) for x in (searches.values, searches.probs, searches.price, worlds, *given)]
        value, spent = _every(made, None if parent is None else jnp.asarray(parent), policy=policy)
        return (np.asarray(value) * chance).sum(1), (np.asarray(spent) * chance).sum(1)


@functools.partial(jax.jit, static_argnames="policy")
def _every(arrays: list[Array], parent: Array | None, *, policy: MakePolicy) -> tuple[Array, Array]:
    def one(values: Array, probs: Array, price: Array, worlds: Array, *given: Array) -> tuple[Array, Array]:
        made = policy(DiscretePrize(values, probs), price, *given)

        def world(held: Array) -> tuple[Array, Array]:
            sure = DiscretePrize(held[:, None], jnp.ones_like(held)[:, None])
            oracle = BoxSearch(sure, price, parent=parent)
            trace = run(made, oracle, jax.random.key(0), horizon=len(held), record=(welfare, cost))[1]
            return trace["welfare"].sum(), trace["cost"].sum()

        return jax.vmap(world)(worlds)

    return jax.vmap(one)(*arrays)
