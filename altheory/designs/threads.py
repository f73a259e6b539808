"""Small matrix products on one thread: waking the others costs more than they save."""

import contextlib
import functools
from collections.abc import Iterator

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

SMALL = 1500
"""Working sets below this size run on one thread."""


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextlib.contextmanager
def few_threads(size: int) -> Iterator[None]:
    """Keep the linear algebra inside on one thread where the problem is small."""
    if size >= SMALL:
        yield
        return
    with _controller().limit(limits=1):
        yield
