"""What a search is worth: Weitzman's value, searches in a fixed order of precedence, and prizes taken unseen."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from altheory.core.check import at_least, finite, nonnegative
from altheory.scores.prizes import Prize

Atoms = tuple[np.ndarray, np.ndarray]
"""Values and their probabilities."""

NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)


def weitzman_value(prize: Any, price: Any, *, outside: float = 0.0, winners: int = 1) -> float:
    r"""The optimal expected prize less prices: :math:`E \max(o, \max_i \min(V_i, \kappa_i))`, on the host in float64.

    `prize` holds the laws of K independent boxes, `price` is `[K]`. With several `winners` it is the expected sum of
    the largest, of :math:`\min(V_i, \kappa_i)` and the outside option for each. Exact for prizes with atoms;
    otherwise by quadrature, to about 1e-9 of the spread. Raises `ValueError` where a price is negative.
    Cite: kleinberg2016descending, singla2018price.
    """
    at_least("weitzman_value winners", winners, 1)
    nonnegative("weitzman_value price", price)
    with jax.enable_x64(True):
        prize, price = _doubles(prize, price)
        index = np.asarray(_reserve(prize, price))
        highest = np.asarray(_reserve(prize, np.maximum(price, 1e-15 * (1 + np.abs(np.asarray(prize.mean()))))))
        ceiling = np.minimum(index, highest).max()
        if ceiling <= outside:
            return winners * float(outside)
        grid, weights = _pieces(prize, index, outside, ceiling)
        total, size = 0.0, min(1 << (len(grid) - 1).bit_length(), max(1, 2_000_000 // len(index)))
        for part in range(0, len(grid), size):
            t = grid[part : part + size]
            padded = np.pad(t, (0, size - len(t)), mode="edge")
            above = np.asarray(_tail(prize, padded[:, None]))[: len(t)] * (t[:, None] < index)
            total += float(weights[part : part + len(t)] @ _at_most(above, winners))
    return winners * float(outside) + total


@jax.jit
def _reserve(prize: Any, price: Array) -> Array:
    return prize.reservation(price)


@jax.jit
def _tail(prize: Any, k: Array) -> Array:
    return prize.tail(k)


def _at_most(p: np.ndarray, winners: int) -> np.ndarray:
    """E min(winners, number of successes) of independent trials `p [n, K]`."""
    if winners == 1:
        return 1 - np.prod(1 - p, axis=1)
    law = np.zeros((len(p), winners))
    law[:, 0] = 1
    for q in p.T:
        law = law * (1 - q)[:, None] + np.c_[np.zeros(len(p)), law[:, :-1]] * q[:, None]
    return winners - law @ (winners - np.arange(winners))


def _pieces(prize: Any, index: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of an integral from `low` to `high`, cut where the integrand has kinks or jumps."""
    cuts, smooth = list(index), _kinks(prize)
    if smooth is None:
        cuts += list(np.ravel(prize.atoms()[0]))
    else:
        cuts += list(smooth)
    inner = np.array([c for c in cuts if low < c < high])
    edges = np.unique(np.r_[low, inner, high])
    left, width = edges[:-1], np.diff(edges)
    if smooth is None:
        return left + width / 2, width
    return (left[:, None] + width[:, None] * (NODES + 1) / 2).ravel(), (width[:, None] * WEIGHTS / 2).ravel()


def _kinks(prize: Any) -> np.ndarray | None:
    """Where a law that is not all atoms bends or jumps, and points a deviation or so apart; None for atoms alone."""
    if hasattr(prize, "atoms"):
        return None
    parts = getattr(prize, "parts", (prize,))
    steps = np.r_[np.arange(-12, 13), 2.0 ** np.arange(4, 40), -(2.0 ** np.arange(4, 10))]
    found = []
    for part in parts:
        if hasattr(part, "atoms"):
            found.append(np.ravel(part.atoms()[0]))
            continue
        middle, spread = np.asarray(part.mean()), np.sqrt(np.asarray(part.variance()))
        spread = np.where(np.isfinite(spread), spread, np.asarray(getattr(part, "scale", 1.0)))
        found.append(np.ravel(middle[..., None] + spread[..., None] * steps))
        found += [np.ravel(getattr(part, name)) for name in ("low", "high") if hasattr(part, name)]
    return np.concatenate(found)


def _doubles(prize: Any, price: Any) -> tuple[Any, np.ndarray]:
    """Laws `[K]` and prices `[K]` in float64."""
    if not isinstance(prize, Prize):
        raise TypeError(f"a search needs laws of prizes, such as GaussianPrize(means, stds); it got {prize!r}")
    price = np.asarray(price, np.float64)
    size = np.broadcast_shapes(prize.shape, price.shape) or (1,)
    prize = jax.tree.map(lambda x: jnp.asarray(np.asarray(x, np.float64)), prize).spread(size)
    return prize, np.broadcast_to(price, size)


def precedence_indices(
    prize: Any, price: Any, parent: Sequence[int] | np.ndarray, *, outside: float = 0.0
) -> tuple[np.ndarray, float]:
    r"""Indices `[K]` of boxes that wait for their `parent` (-1: none), and the optimal expected prize less prices.

    The index of a box is that of all it leads to: with :math:`X_i = \max(V_i, \max_j W_j)` over the children j,
    :math:`\kappa_i` is the root of :math:`E(X_i - \kappa)_+ = c_i`, and :math:`W_i = \min(X_i, \kappa_i)`. Opening
    by it, among boxes whose parent is open, and stopping by it is optimal on forests; with other orders of precedence
    the problem is NP-hard. Prizes must have atoms. Raises `ValueError` where they have none, or the parents form no
    forest.
    Cite: boodaghians2020pandora.
    """
    if not hasattr(prize, "atoms"):
        raise ValueError(
            f"precedence_indices needs prizes with atoms (DiscretePrize, BernoulliPrize, SamplePrize); "
            f"{type(prize).__name__} has a density: use SamplePrize(draws)"
        )
    nonnegative("precedence_indices price", price)
    with jax.enable_x64(True):
        prize, price = _doubles(prize, price)
        values, probs = (np.asarray(x) for x in prize.atoms())
    parent = np.asarray(parent)
    order = _leaves_first(parent, len(price))
    index, held = np.zeros(len(price)), list(zip(values, probs, strict=True))
    for i in order:
        for j in np.flatnonzero(parent == i):
            held[i] = _larger(held[i], held[j])
        index[i] = _root(held[i], price[i])
        held[i] = (np.minimum(held[i][0], index[i]), held[i][1])
    best: Atoms = (np.array([outside]), np.ones(1))
    for i in np.flatnonzero(parent < 0):
        best = _larger(best, held[i])
    return index, float(best[0] @ best[1])


def _leaves_first(parent: np.ndarray, size: int) -> np.ndarray:
    """Boxes in an order that puts each before its parent; raises `ValueError` where the parents form no forest."""
    if parent.shape != (size,) or ((parent < -1) | (parent >= size)).any():
        raise ValueError(
            f"parent must hold, for each of the {size} boxes, one box that comes before it, or -1: with several before "
            f"one the problem is NP-hard and has no index; it is {parent}"
        )
    depth, at = np.zeros(size, int), np.arange(size)
    for _ in range(size + 1):
        at = np.where(at >= 0, parent[at], -1)
        depth += at >= 0
    if (at >= 0).any():
        raise ValueError(f"parent must be a forest; box {int(np.argmax(at >= 0))} waits for itself")
    return np.argsort(-depth, kind="stable")


def _larger(one: Atoms, other: Atoms) -> Atoms:
    """The law of the larger of two independent prizes."""
    values = np.unique(np.r_[one[0], other[0]])
    below = [np.array([p[v <= x].sum() for x in values]) for v, p in (one, other)]
    law = np.diff(below[0] * below[1], prepend=0)
    return values, law


def _root(held: Atoms, price: float) -> float:
    values, probs = held
    order = np.argsort(-values)
    order = order[probs[order] > 0]
    top = values[order[0]]
    return float(top + ((np.cumsum(probs[order] * (values[order] - top)) - price) / np.cumsum(probs[order])).max())


def nonobligatory_bounds(prize: Any, price: Any, *, outside: float = 0.0) -> tuple[float, float, int]:
    r"""Bounds on the best search where one box may be taken unopened, and the box to keep for that (-1: none).

    This is another problem than Weitzman's: no index solves it, and it is NP-hard. The lower bound is the best
    *committing* policy: it decides beforehand which box may only be taken unseen, counts that box's mean as its outside
    option and searches the others by Weitzman's rule; it is worth at least :math:`1 - 1/e` of the optimum where
    values are at least 0 (4/5 with two boxes). The upper bound pays no prices. Cite: beyhaghi2019nonobligatory.
    """
    finite("nonobligatory_bounds outside", outside)
    with jax.enable_x64(True):
        prize, price = _doubles(prize, price)
        means = np.asarray(prize.mean())
        upper = weitzman_value(prize, np.zeros_like(price), outside=outside)
        lower, keep = weitzman_value(prize, price, outside=outside), -1
        for i in np.argsort(-means):
            if means[i] <= outside:
                break
            rest = np.where(np.arange(len(price)) == i, 1e300, price)
            value = weitzman_value(prize, rest, outside=float(means[i]))
            if value > lower:
                lower, keep = value, int(i)
    return lower, upper, keep
