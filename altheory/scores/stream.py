"""The best items of a pool too large for memory, read in chunks one ahead of the scoring."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from altheory.core.check import at_least

Scorer = Callable[[Array], Array]


class Top(NamedTuple):
    """The best items, best first: `picks [k]` (64-bit indices into the pool) and their `scores [k]`."""

    picks: Int[np.ndarray, "k"]
    scores: Float[np.ndarray, "k"]


def top_k_stream(scorer: Scorer, pool: Any, k: int, *, chunk: int = 65536, axis: int = 0) -> Top:
    """The `k` items of the largest score in a pool of any size, such as a memory-mapped array.

    `scorer` takes `chunk` items along `axis` (for `bald`, 1) and gives `[chunk]` scores, each of its own item alone;
    it always sees one shape, the last chunk being filled up by repetition. A thread reads one chunk ahead. NaN loses to
    every number; ties go to the lowest index. Memory: three chunks + 2 k, whatever the pool. Raises `ValueError` where
    `k` exceeds the pool or the scorer gives another shape. Cite: settles2009active.
    """
    shape = np.shape(pool)
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"axis must be one of the pool's {len(shape)} axes; it is {axis}")
    items = shape[axis]
    at_least("chunk", chunk, 1)
    if not isinstance(k, (int, np.integer)) or isinstance(k, bool) or not 1 <= k <= items:
        raise ValueError(f"k must be a whole number from 1 to the {items} items of the pool; it is {k!r}")
    width = min(chunk, items)
    best = Top(np.zeros(0, np.int64), np.zeros(0))
    for start, part in chunks(pool, items, width, axis % len(shape)):
        scores = np.asarray(scorer(part))
        if scores.shape != (width,):
            raise ValueError(f"scorer must give one score for each of the {width} items; its shape is {scores.shape}")
        best = _merge(best, scores[: items - start], start, k)
    return best


def chunks(pool: Any, items: int, width: int, axis: int) -> Iterator[tuple[int, Array]]:
    """Chunks of the pool with their offsets, the next one being read while this one is used."""

    def read(start: int) -> Array:
        index = (slice(None),) * axis + (slice(start, start + width),)
        part = np.ascontiguousarray(pool[index])
        short = width - part.shape[axis]
        if short:
            part = np.concatenate(
                [part, np.repeat(part[(slice(None),) * axis + (slice(-1, None),)], short, axis)], axis
            )
        return jnp.asarray(part)

    starts = range(0, items, width)
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(read, starts[0])
        for i, start in enumerate(starts):
            part = coming.result()
            if i + 1 < len(starts):
                coming = reader.submit(read, starts[i + 1])
            yield start, part


def _merge(best: Top, scores: Float[np.ndarray, "n"], start: int, k: int) -> Top:
    """The best k of those so far and a chunk's, best first, ties to the lowest index."""
    clean = np.where(np.isnan(scores), -np.inf, scores)
    if best.scores.size == k:
        hopeful = np.flatnonzero(clean > best.scores[-1])
    elif clean.size > k:
        hopeful = np.flatnonzero(clean >= np.partition(clean, -k)[-k])
    else:
        hopeful = np.arange(clean.size)
    picks = np.concatenate([best.picks, hopeful + start])
    values = np.concatenate([best.scores, clean[hopeful]])
    order = np.lexsort((picks, -values))[:k]
    return Top(picks[order], values[order])
