"""The theorem on clustering with a strong oracle, a random order and a weak filter."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from altheory.guarantees.evidence import Always
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.oracles import ClusterPairs
from altheory.policies import KwikCluster
from altheory.sim import labels, simulate

Graph = np.ndarray
Filter = np.ndarray
Run = Callable[[Graph, Filter, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From who belongs together, the pairs a filter lets through, and orders `[m, n]`, to clusters `[m, n]` and calls."""


@jax.jit
def _runs(same: Any, weak: Any, orders: Any) -> tuple[Any, Any]:
    def one(order: Any) -> tuple[Any, Any]:
        policy = KwikCluster(weak, 0.5, order=order, ranked=False)
        rounds = order.shape[0] * (order.shape[0] - 1) // 2
        state, trace = simulate(policy, ClusterPairs(same), jax.random.key(0), horizon=rounds, record=(labels,))
        return state.clusters, trace["labels"].sum()

    return jax.vmap(one)(orders)


def kwik(same: Graph, allowed: Filter, orders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the policy does."""
    found = _runs(jnp.asarray(same), jnp.asarray(allowed, jnp.float32), jnp.asarray(orders, jnp.int32))
    return np.asarray(found[0]), np.asarray(found[1])


def costs(same: Graph, clusters: np.ndarray) -> np.ndarray:
    """Disagreements of each clustering, `[m]`."""
    wrong = (clusters[:, :, None] == clusters[:, None]) != (same | np.eye(len(same), dtype=bool))
    return np.asarray(wrong.sum((1, 2)) // 2)


def partitions(items: int) -> np.ndarray:
    """All clusterings, as labels that first appear in order."""
    found = [[0]]
    for _ in range(items - 1):
        found = [[*some, k] for some in found for k in range(max(some) + 2)]
    return np.array(found)


class Problem(NamedTuple):
    """A graph, the orders of which the mean is taken, and the fewest disagreements (or at least as many)."""

    same: Graph
    orders: np.ndarray
    fewest: int


def _symmetric(upper: np.ndarray) -> Graph:
    return np.asarray(upper | upper.T | np.eye(len(upper), dtype=bool))


def problems() -> dict[str, Problem]:
    """Random graphs of five items with all orders, and a star of nine, of which only the centre's place matters."""
    rng, every = np.random.default_rng(0), np.array(list(itertools.permutations(range(5))))
    all_clusterings = partitions(5)
    found = {}
    for t in range(6):
        same = _symmetric(np.triu(rng.random((5, 5)) < 0.15 * (t + 1), 1))
        found[f"graph {t}"] = Problem(same, every, int(costs(same, all_clusterings).min()))
    star = np.zeros((9, 9), bool)
    star[0, 1:] = True
    places = np.array([np.insert(np.arange(1, 9), place, 0) for place in range(9)])
    return found | {"a star": Problem(_symmetric(star), places, 7)}


def _cases(algorithm: Run, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(1)
    for name, (same, orders, fewest) in problems().items():
        items = len(same)
        extra = _symmetric(np.triu(same | (rng.random(same.shape) < 0.3), 1))
        dropped = _symmetric(np.triu(same & (rng.random(same.shape) < 0.7), 1))
        clusters, calls = algorithm(same, np.ones_like(same), orders)
        filtered, fewer = algorithm(same, extra, orders)
        missing, _ = algorithm(same, dropped, orders)
        sizes = np.array([len(set(row)) for row in clusters])
        misses = int((same & ~dropped).sum()) // 2
        seen = [
            costs(same, clusters).mean(), (calls - items * sizes).max(), 1.0 * (clusters != filtered).any(),
            (fewer - calls).max(), costs(same, missing).mean() - 4 * misses,
        ]  # fmt: skip
        yield Case(name, (fewest,), seen)


def _first_come(same: Graph, allowed: Filter, orders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A mutant: items always come in the order of their numbers."""
    return kwik(same, allowed, np.sort(orders, 1))


def _deaf(same: Graph, allowed: Filter, orders: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A mutant: a filter, where there is one, lets nothing through for odd items."""
    mine = allowed & (np.arange(len(same)) % 2 == 0)
    return kwik(same, allowed if allowed.all() else mine & mine.T, orders)


@guarantee(
    "In random order E cost <= 3 OPT for n calls a cluster; a filter without false negatives changes no cluster",
    id="kwikcluster-weak-strong",
    family="labelling",
    latex=r"\mathbb E\,\mathrm{cost} \le 3\,\mathrm{OPT},\quad \mathbb E\,\mathrm{cost}_\mu \le 3\,\mathrm{OPT} + 4\mu",
    cite="ailon2008aggregating",
    note="proofs_notes/kwikcluster-weak-strong.md",
    bounds=Always(as_array, tolerance=1e-9),
    algorithm=kwik,
    cases=_cases,
    mutants={"items come by number": _first_come, "the filter drops what belongs together": _deaf},
)
def kwikcluster_weak_strong(fewest: int) -> np.ndarray:
    r"""The most that each may be: expected cost, calls beyond n a cluster, whether a sound filter changed a cluster,
    the calls it added, and the expected cost with :math:`\mu` pairs missed, less :math:`4\mu`.

    Cite: ailon2008aggregating.
    """
    return np.array([3.0 * fewest, 0.0, 0.0, 0.0, 3.0 * fewest])
