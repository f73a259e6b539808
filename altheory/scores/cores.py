"""Work shared among a CPU's cores: a compiled loop runs on one of them, so several loops take a share each."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import jax
import numpy as np
from jaxtyping import Array

T = TypeVar("T")
WORTH_IT = 1 << 20
"""Entries from which an array is worth waking another core for."""


def on_cpu(a: Array) -> bool:
    """Whether an array lies in the memory of a CPU."""
    return next(iter(a.devices())).platform == "cpu"


def cores_for(a: Array) -> int:
    """How many cores to share a pass over `a` among: 1 where it is small, spread over devices or on no CPU."""
    if a.size < WORTH_IT or len(a.devices()) > 1 or not on_cpu(a):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shares(a: Array, *, axis: int = 1) -> list[tuple[np.int32, int]]:
    """Start and width of each core's share of an axis: all of one width, but for the last where it does not divide."""
    items = a.shape[axis]
    width = -(-items // min(cores_for(a), items))
    return [(np.int32(start), min(width, items - start)) for start in range(0, items, width)]


def at_once(tasks: Sequence[Callable[[], T]], a: Array) -> list[T]:
    """The results of tasks over `a`, run side by side where it is worth it."""
    if cores_for(a) == 1:
        return [task() for task in tasks]
    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(lambda task: jax.block_until_ready(task()), tasks))
