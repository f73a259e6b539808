"""Seeds in blocks: one compiled program a policy, the same for any number of seeds and any number of devices."""

import functools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array

from altheory.core import Key
from altheory.core.compile import quick_options
from altheory.sim.metrics import Metric
from altheory.sim.simulate import run

SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500)
"""Seeds in a block, of which the largest that fits is taken: divisors of the round numbers that people ask for."""

CACHE_BYTES, MEMORY_SHARE = 12e6, 0.05
"""What a block may hold: what stays in a CPU's caches; elsewhere, where a round of few seeds takes as long as one of
many, a share of the device's memory."""

CPU_SEEDS = 250
TEMPORARIES = 16
"""The most seeds in a CPU's block, and how much more than its state, world and menu a round is reckoned to need."""


def block_size(policy: Any, oracle: Any) -> int:
    """How many seeds run side by side on a device: by its memory, never by the number of seeds or devices.

    A program compiled for one study thus serves any other, and the bits of a seed do not depend on its company.
    """

    def one(key: Key) -> Any:
        world = oracle.init(key)
        menu = oracle.offer(world)
        return policy.init(key), world, menu.price, menu.noise, menu.open

    size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(jax.eval_shape(one, jax.random.key(0))))
    room, most = _room(jax.local_devices()[0])
    return max(b for b in SIZES if b == 1 or (b <= most and b * size * TEMPORARIES <= room))


def _room(device: Any) -> tuple[float, int]:
    """Bytes and seeds that a block may have on a device."""
    if device.platform == "cpu":
        return CACHE_BYTES, CPU_SEEDS
    return MEMORY_SHARE * ((device.memory_stats() or {}).get("bytes_limit") or 8e9), SIZES[-1]


def seed_key(key: Key, seed: int | Array) -> Key:
    """The key of a seed: more seeds can be added later, and each stays what it was."""
    return jax.random.fold_in(key, seed)


@functools.cache
def _program() -> Callable[..., dict[str, Array]]:
    return jax.jit(_run_block, static_argnames=("horizon", "record", "mesh"), compiler_options=quick_options())


def _run_block(
    policy: Any, oracle: Any, key: Array, seeds: Array, *, horizon: int, record: tuple[Metric, ...], mesh: Mesh
) -> dict[str, Array]:
    def block(policy: Any, oracle: Any, key: Array, seeds: Array) -> dict[str, Array]:
        base = jax.random.wrap_key_data(key)

        def one(seed: Array) -> dict[str, Array]:
            trace = run(policy, oracle, seed_key(base, seed), horizon=horizon, record=record)[1]
            return {**trace.metrics, "status": trace.status}

        return jax.vmap(one)(seeds)

    here, everywhere = PartitionSpec("seed"), PartitionSpec()
    return jax.shard_map(
        block, mesh=mesh, in_specs=(everywhere, everywhere, everywhere, here), out_specs=here, check_vma=False
    )(policy, oracle, key, seeds)


def run_blocks(
    policy: Any,
    oracle: Any,
    key: Key,
    *,
    horizon: int,
    seeds: int,
    record: tuple[Metric, ...],
    block: int,
    store: "Store",
    done: Callable[[int], None],
) -> dict[str, np.ndarray]:
    """Every seed's metrics `[seeds, horizon]` and status `[seeds]`; finished blocks are read from `store`."""
    mesh = jax.make_mesh((jax.device_count(),), ("seed",), axis_types=(jax.sharding.AxisType.Auto,))
    parts: dict[int, dict[str, np.ndarray]] = {}
    for group in _groups(range(-(-seeds // block)), jax.device_count(), parts, store):
        which = np.concatenate([np.arange(g * block, (g + 1) * block) for g in group]).astype(np.uint32)
        data = np.asarray(jax.random.key_data(key))
        out = _program()(policy, oracle, data, _spread(which, mesh), horizon=horizon, record=record, mesh=mesh)
        got = jax.tree.map(np.asarray, multihost_utils.process_allgather(out, tiled=True) if _many() else out)
        for i, g in enumerate(dict.fromkeys(group)):
            parts[g] = {name: x[i * block : (i + 1) * block] for name, x in got.items()}
            store.put(g, parts[g])
        done(min(len(parts) * block, seeds))
    return {name: np.concatenate([parts[g][name] for g in sorted(parts)])[:seeds] for name in parts[0]}


def _groups(
    blocks: range, devices: int, parts: dict[int, dict[str, np.ndarray]], store: "Store"
) -> Iterator[list[int]]:
    """Blocks still to run, as many at a time as there are devices (the last group repeats its last block)."""
    for g in blocks:
        kept = store.get(g)
        if kept is not None:
            parts[g] = kept
    left = [g for g in blocks if g not in parts]
    for i in range(0, len(left), devices):
        group = left[i : i + devices]
        yield group + group[-1:] * (devices - len(group))


def _many() -> bool:
    return jax.process_count() > 1


def _spread(seeds: np.ndarray, mesh: Mesh) -> Array:
    sharding = jax.sharding.NamedSharding(mesh, PartitionSpec("seed"))
    return jax.make_array_from_callback(seeds.shape, sharding, lambda index: seeds[index])


class Store:
    """Finished blocks of one policy on disk, each written whole or not at all; nowhere, where no folder is given."""

    def __init__(self, folder: Path | None, tag: str) -> None:
        self.folder, self.tag = folder, tag

    def _path(self, block: int) -> Path:
        assert self.folder is not None
        return self.folder / f"{self.tag}-{block}.npz"

    def get(self, block: int) -> dict[str, np.ndarray] | None:
        if self.folder is None or not self._path(block).exists():
            return None
        with np.load(self._path(block)) as file:
            return dict(file)

    def put(self, block: int, part: dict[str, np.ndarray]) -> None:
        if self.folder is None or jax.process_index() != 0:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic(self._path(block)) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **part)


class atomic:  # noqa: N801
    """A context that yields a temporary path and moves it into place when the block ends well."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".", suffix=self.path.suffix)
        os.close(handle)
        self.temporary = Path(name)
        return self.temporary

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            os.chmod(self.temporary, 0o644)
            os.replace(self.temporary, self.path)
        else:
            self.temporary.unlink(missing_ok=True)
