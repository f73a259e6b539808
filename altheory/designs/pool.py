"""Pools of items: arrays in memory, memory-mapped files and arrays on devices, read only by chunks."""

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from altheory.core.numerics import HIGHEST
from altheory.designs.threads import over_chunks

CHUNK_ENTRIES = 1 << 17
"""How many numbers of the pool are looked at together: half a megabyte or one, which a cache holds."""

Matrix = npt.NDArray[Any]
Vector = npt.NDArray[Any]


@runtime_checkable
class Pool(Protocol):
    """Rows of a `[items, features]` matrix that are never copied whole."""

    shape: tuple[int, int]
    single: bool

    def rows(self, low: int, high: int) -> Matrix:
        """Rows `low` to `high`, in the pool's own precision."""
        ...

    def take(self, index: Vector) -> Matrix:
        """The rows of an index array, float64."""
        ...

    def quadratic(self, root: Matrix, *, exact: bool) -> Vector:
        r"""The scores :math:`|x_i^\top R|^2` of every item `[items]`, in float64 where `exact`."""
        ...


def chunk_rows(pool: Pool) -> int:
    """How many rows make a chunk."""
    return max(256, CHUNK_ENTRIES // max(1, pool.shape[1]))


def chunks(pool: Pool) -> list[tuple[int, int]]:
    """The bounds of successive chunks."""
    n, step = pool.shape[0], chunk_rows(pool)
    return [(low, min(low + step, n)) for low in range(0, n, step)]


def host_quadratic(pool: Pool, root: Matrix, *, exact: bool) -> Vector:
    """The scores of a pool whose rows arrive on the host, chunk by chunk: one matrix product each."""
    dtype: Any = np.float64 if exact else np.float32
    r: Matrix = np.ascontiguousarray(root, dtype=dtype)
    out: Vector = np.empty(pool.shape[0], dtype=dtype)

    def score(bounds: tuple[int, int]) -> None:
        low, high = bounds
        y: Matrix = pool.rows(low, high).astype(dtype, copy=False) @ r
        np.einsum("ij,ij->i", y, y, out=out[low:high])

    for _ in over_chunks(score, chunks(pool)):
        pass
    return out


class ArrayPool:
    """A numpy array or a memory map, float32 or float64."""

    def __init__(self, x: Matrix) -> None:
        self.x = x
        self.shape = (x.shape[0], x.shape[1])
        self.single = x.dtype == np.float32

    def rows(self, low: int, high: int) -> Matrix:
        return np.asarray(self.x[low:high])

    def take(self, index: Vector) -> Matrix:
        return np.asarray(self.x[index], dtype=np.float64)

    def quadratic(self, root: Matrix, *, exact: bool) -> Vector:
        return host_quadratic(self, root, exact=exact)


class DevicePool:
    """A JAX array on accelerators or sharded over devices: each scores the rows it holds."""

    def __init__(self, x: jax.Array) -> None:
        self.x = x
        self.shape = (x.shape[0], x.shape[1])
        self.single = x.dtype != np.float64

    def _blocks(self) -> list[tuple[int, int, slice, jax.Array]]:
        """The rows low to high and the columns of each block that is held somewhere, without replicas."""
        found = []
        for shard in self.x.addressable_shards:
            if shard.replica_id == 0:
                low, high, _ = shard.index[0].indices(self.shape[0])
                found.append((low, high, shard.index[1], shard.data))
        return found

    def rows(self, low: int, high: int) -> Matrix:
        return self.take(np.arange(low, high)).astype(np.float32 if self.single else np.float64)

    def take(self, index: Vector) -> Matrix:
        out = np.empty((len(index), self.shape[1]))
        for low, high, columns, data in self._blocks():
            inside = np.flatnonzero((index >= low) & (index < high))
            if len(inside):
                padded = np.zeros(1 << int(len(inside) - 1).bit_length(), dtype=np.int32)  # few shapes to compile for
                padded[: len(inside)] = index[inside] - low
                out[inside, columns] = np.asarray(jnp.take(data, padded, axis=0))[: len(inside)]
        return out

    def quadratic(self, root: Matrix, *, exact: bool) -> Vector:
        blocks = self._blocks()
        if any(data.shape[1] < self.shape[1] for *_, data in blocks):
            raise ValueError("x must be sharded over its items only; its features are split over devices")
        out: Vector = np.empty(self.shape[0], dtype=np.float64 if exact else np.float32)
        with jax.enable_x64(exact or not self.single):
            r = jnp.asarray(root, dtype=out.dtype)
            parts = [_device_quadratic(data, jax.device_put(r, next(iter(data.devices())))) for *_, data in blocks]
        for (low, high, _, _), part in zip(blocks, parts, strict=True):
            out[low:high] = np.asarray(part)
        return out


@jax.jit
def _device_quadratic(x: jax.Array, root: jax.Array) -> jax.Array:
    def score(row: jax.Array) -> jax.Array:
        y = jnp.matmul(row.astype(root.dtype), root, precision=HIGHEST)
        return (y * y).sum()

    return jax.lax.map(score, x, batch_size=min(len(x), CHUNK_ENTRIES // x.shape[1] + 1))


class PairPool:
    r"""All differences :math:`z_i - z_j`, :math:`i < j`, of a few items, made chunk by chunk and never stored."""

    def __init__(self, z: Matrix) -> None:
        n = z.shape[0]
        self.z = np.asarray(z, dtype=np.float64)
        self.shape = (n * (n - 1) // 2, z.shape[1])
        self.single = False
        self._first = np.concatenate([[0], np.cumsum(np.arange(n - 1, 0, -1))])

    def pair(self, index: Vector) -> tuple[Vector, Vector]:
        """The two items of each pair's index."""
        i = np.searchsorted(self._first, index, side="right") - 1
        return i, index - self._first[i] + i + 1

    def rows(self, low: int, high: int) -> Matrix:
        return self.take(np.arange(low, high))

    def take(self, index: Vector) -> Matrix:
        i, j = self.pair(np.asarray(index))
        return self.z[i] - self.z[j]

    def quadratic(self, root: Matrix, *, exact: bool) -> Vector:
        return host_quadratic(self, root, exact=exact)


def as_pool(x: Any) -> Pool:
    """A pool from a numpy or JAX array, a memory map, or a pool.

    Raises `ValueError` where `x` is not a nonempty, finite `[items, features]` array of numbers.
    """
    if isinstance(x, (ArrayPool, DevicePool, PairPool)):
        return x
    if isinstance(x, jax.core.Tracer):
        raise ValueError("a design is solved on concrete arrays; inside jit or vmap use `d_optimal_kernel`")
    if np.ndim(x) != 2:
        raise ValueError(f"x must be an [items, features] array; its shape is {np.shape(x)}")
    if 0 in np.shape(x):
        raise ValueError(f"x is empty: its shape is {np.shape(x)}; give at least one item and one feature")
    pool = _wrap(x)
    fine = over_chunks(lambda b: bool(np.isfinite(pool.rows(*b)).all()), chunks(pool))
    for (low, high), ok in zip(chunks(pool), fine, strict=True):
        if not ok:
            row = low + int(np.argwhere(~np.isfinite(pool.rows(low, high)))[0, 0])
            raise ValueError(f"x must be finite; row {row} is not: drop or impute it")
    return pool


def _wrap(x: Any) -> Pool:
    if isinstance(x, jax.Array):
        on_host = len(x.devices()) == 1 and next(iter(x.devices())).platform == "cpu"
        if not on_host:
            return DevicePool(x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.float32))
        x = np.asarray(x)
    a = x if isinstance(x, np.ndarray) else np.asarray(x)
    if a.dtype.kind not in "fiub":
        raise ValueError(f"x must hold real numbers; its dtype is {a.dtype}")
    return ArrayPool(a if a.dtype in (np.float32, np.float64) else a.astype(np.float64))
