"""Threads: small matrix products on one, passes over a large pool on all, each with its own chunks."""

import contextlib
import functools
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

T = TypeVar("T")
SMALL = 4000
"""Working sets below this size run on one thread: waking the others costs more than they save."""
FEW = 4
"""Fewer chunks than this are not worth threads."""


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def few_threads(size: int) -> Iterator[None]:
    """Run the linear algebra inside on one thread where the problem is small, else on every core."""
    with _controller().limit(limits=1 if size < SMALL else cores()):
        yield


def over_chunks(work: Callable[[tuple[int, int]], T], bounds: list[tuple[int, int]]) -> Iterator[T]:
    """`work` on each chunk, in order; large pools share the chunks among threads, a few ahead of the reader."""
    if len(bounds) < FEW or cores() == 1:
        yield from map(work, bounds)
        return
    with ThreadPoolExecutor(cores()) as pool:
        ahead = 2 * cores()
        waiting = deque(pool.submit(work, b) for b in bounds[:ahead])
        for following in [*bounds[ahead:], *[None] * min(ahead, len(bounds))]:
            done = waiting.popleft().result()
            if following is not None:
                waiting.append(pool.submit(work, following))
            yield done
