"""Covering a file and a pool spread over devices: the picks of the same kernels in memory."""

import os
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al
from altheory.scores import large

ITEMS, D = 1501, 5
RNG = np.random.default_rng(0)
X = (RNG.normal(size=(ITEMS, D)) + 5 * RNG.integers(0, 3, (ITEMS, 1))).astype(np.float32)
OPEN = RNG.random(ITEMS) < 0.7


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """The features in a memory-mapped file."""
    path = tmp_path_factory.mktemp("pool") / "x.npy"
    np.save(path, X)
    return np.load(path, mmap_mode="r")


@pytest.fixture
def few_candidates(monkeypatch):
    """So few kept between passes that many passes are needed."""
    monkeypatch.setattr(large, "CANDIDATES", 40)


@pytest.mark.parametrize(
    "options",
    [{}, {"start": 7}, {"open": OPEN}, {"labelled": X[:9] + 1}, {"metric": "angular"}, {"labelled": X[:0]}],
    ids=str,
)
def test_k_center_of_a_file_is_k_center(pool, few_candidates, options):
    picks = al.k_center_stream(pool, 60, chunk=400, **options)
    assert picks.dtype == np.int64
    assert picks.tolist() == np.asarray(al.k_center(X, 60, **options)).tolist()


def test_half_precision_files_and_every_item(few_candidates):
    x = np.repeat(X[:40], 2, axis=0).astype(np.float16)
    picks = al.k_center_stream(x, 80, chunk=16)
    assert sorted(picks) == list(range(80))
    assert al.covering_radius(x, picks[:40]) < 1e-2
    assert al.k_center_stream(X[:1], 1).tolist() == [0]


def similarities():
    return np.maximum(X[:300] @ X[300:360].T / 100, 0) + RNG.random((300, 60)).astype(np.float32)


@pytest.mark.parametrize("options", [{}, {"open": OPEN[:300]}, {"base": np.full(60, 0.5, np.float32)}], ids=str)
def test_facility_location_of_a_file_is_facility_location(tmp_path, few_candidates, options):
    np.save(tmp_path / "s.npy", similarities())
    pool = np.load(tmp_path / "s.npy", mmap_mode="r")
    picks, values = al.facility_location_stream(pool, 30, chunk=64, **options)
    batch = al.facility_location(np.asarray(pool), 30, **options)
    assert picks.tolist() == batch.picks.tolist()
    np.testing.assert_allclose(values, batch.values, rtol=1e-5)


def test_facility_location_of_features_is_certainty_gain(pool):
    goals = RNG.normal(size=(25, D)).astype(np.float32)
    picks, values = al.facility_location_stream(pool, 12, targets=goals, chunk=500)
    batch = al.certainty_gain(X, 12, targets=goals)
    np.testing.assert_allclose(values / 25, batch.values, rtol=1e-5)
    assert picks.tolist() == batch.picks.tolist()


def test_every_item_of_a_similarity(few_candidates):
    same = np.ones((50, 3), np.float32)
    picks, values = al.facility_location_stream(same, 50)
    assert sorted(picks) == list(range(50))
    np.testing.assert_allclose(values, 3)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: al.k_center_stream(X[:, 0], 3), "pool must be a nonempty"),
        (lambda: al.k_center_stream(X, 3, start=ITEMS), "start must be the index of an open item; it is 1501"),
        (lambda: al.k_center_stream(X, 0), "size must be a whole number from 1"),
        (lambda: al.k_center_stream(np.full((3, 2), np.nan), 1), "must be finite"),
        (lambda: al.k_center_stream(X, 3, open=np.arange(ITEMS) < 2), "size must be at most the number of open items"),
        (lambda: al.facility_location_stream(X, 3, base=np.zeros(2)), "base must have one entry for each of the 5"),
        (lambda: al.facility_location_stream(np.full((3, 2), np.nan), 1), "pool must be finite"),
        (lambda: al.facility_location_sharded(X, 3, base=np.zeros(2)), "base must have one entry for each of the 5"),
        (lambda: al.k_center_sharded(X, 3, start=-2), "start must be the index of an open item; it is -2"),
    ],
)
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


PROGRAM = """
import jax
import numpy as np
import altheory as al
from altheory.scores import sharded

assert jax.device_count() == 4
sharded.CANDIDATES = 80
rng = np.random.default_rng(0)
x = (rng.normal(size=(1501, 5)) + 5 * rng.integers(0, 3, (1501, 1))).astype(np.float32)
mask = rng.random(1501) < 0.7
for options in ({}, {"start": 1500}, {"open": mask}, {"labelled": x[:9] + 1}, {"metric": "angular"}):
    assert al.k_center_sharded(x, 70, **options).tolist() == al.k_center(x, 70, **options).tolist(), options
s = rng.random((203, 30)).astype(np.float32)
for options in ({}, {"open": mask[:203]}, {"base": np.full(30, 0.5)}):
    ours, alone = al.facility_location_sharded(s, 25, **options), al.facility_location(s, 25, **options)
    assert ours.picks.tolist() == alone.picks.tolist(), options
    np.testing.assert_allclose(ours.values, alone.values, rtol=1e-5)
p = rng.dirichlet(np.ones(3), (4, 200)).astype(np.float32)
spread = jax.device_put(p, jax.NamedSharding(sharded._mesh(), jax.P(None, "item")))
np.testing.assert_allclose(al.bald(spread), al.bald(p), atol=1e-6)
assert len(al.entropy(spread[0]).devices()) == 4
"""


def test_a_pool_over_four_devices_is_picked_from_as_on_one():
    flags = "--xla_force_host_platform_device_count=4"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env={**os.environ, "XLA_FLAGS": flags, "NPROC": "8", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_on_one_device_too():
    assert al.k_center_sharded(X, 20).tolist() == al.k_center(X, 20).tolist()
    s = jnp.asarray(similarities())
    assert al.facility_location_sharded(s, 9).picks.tolist() == al.facility_location(s, 9).picks.tolist()
