"""Pools on disk, on devices and made as they are read give the designs of arrays in memory."""

import itertools
import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import altheory.designs as designs
from altheory.designs.active_set import Solution
from altheory.designs.pool import PairPool, as_pool, chunks


def test_memory_map(tmp_path):
    x = np.random.default_rng(0).standard_normal((30_000, 6)).astype(np.float32)
    np.save(tmp_path / "pool.npy", x)
    mapped = np.load(tmp_path / "pool.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    design = designs.d_optimal(mapped)
    np.testing.assert_array_equal(design.weights, designs.d_optimal(x).weights)
    assert design.gap <= 1e-6


def test_memory_beyond_the_pool_is_small(tmp_path):
    x = np.random.default_rng(1).standard_normal((200_000, 32)).astype(np.float32)
    np.save(tmp_path / "pool.npy", x)
    size = x.nbytes
    del x
    mapped = np.load(tmp_path / "pool.npy", mmap_mode="r")
    tracemalloc.start()
    designs.d_optimal(mapped, tol=1e-3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.0 * size


def test_few_passes_over_the_pool(monkeypatch):
    x = np.random.default_rng(2).standard_normal((50_000, 10)).astype(np.float32)
    seen = []
    monkeypatch.setattr("altheory.designs.active_set.Solution", lambda *a: seen.append(Solution(*a)) or seen[-1])
    designs.d_optimal(x)
    assert 2 <= seen[0].passes <= 25


def test_pairs_are_all_differences():
    z = np.random.default_rng(3).standard_normal((30, 3))
    pool = PairPool(z)
    i, j = np.triu_indices(30, 1)
    np.testing.assert_array_equal(pool.rows(0, pool.shape[0]), z[i] - z[j])
    np.testing.assert_array_equal(np.stack(pool.pair(np.arange(435))), [i, j])


@pytest.mark.parametrize("theta", [None, np.array([1.0, -0.5, 2.0])])
def test_preference_design_is_the_design_on_differences(theta):
    z = np.random.default_rng(4).standard_normal((40, 3))
    i, j = np.triu_indices(40, 1)
    weights = None if theta is None else designs.glm_weights(z[i] - z[j], theta)
    plain = designs.optimal_design(z[i] - z[j], "d", information=weights, tol=1e-9)
    pairs = designs.preference_design(z, theta=theta, tol=1e-9)
    assert pairs.value == pytest.approx(plain.value, abs=1e-8)
    np.testing.assert_array_equal(designs.pair_items(pairs), np.stack([i, j], 1)[pairs.support])


def test_chunks_cover_the_pool():
    pool = as_pool(np.ones((100_001, 7)))
    bounds = chunks(pool)
    assert bounds[0][0] == 0
    assert bounds[-1][1] == 100_001
    assert all(a[1] == b[0] for a, b in itertools.pairwise(bounds))


SHARDED = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import NamedSharding, PartitionSpec as P
import altheory.designs as designs
x = np.random.default_rng(0).standard_normal((4096, 5)).astype(np.float32)
mesh = jax.make_mesh((4,), ("item",))
sharded = jax.device_put(jnp.asarray(x), NamedSharding(mesh, P("item")))
assert len(sharded.devices()) == 4
one, two = designs.d_optimal(sharded), designs.d_optimal(x)
assert one.gap <= 1e-6
np.testing.assert_allclose(one.value, two.value, atol=1e-5)
from altheory.designs.pool import DevicePool
assert isinstance(one.problem.pool, DevicePool)
print("sharded")
"""


def test_a_pool_sharded_over_devices():
    env = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", SHARDED], env=env, capture_output=True, text=True, check=False)
    assert "sharded" in done.stdout, done.stderr


LIGHT = """
import sys
import numpy as np, altheory.designs as designs
designs.d_optimal(np.eye(3))
heavy = {"matplotlib", "torch", "openai", "transformers", "cvxpy"} & set(sys.modules)
print("light" if not heavy else heavy)
"""


def test_nothing_heavy_is_imported():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False)
    assert "light" in done.stdout, done.stderr
