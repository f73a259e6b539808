"""Streamed top-k: the same answer as in memory, from a file, one chunk ahead."""

import threading

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from altheory.scores.information import bald
from altheory.scores.stream import top_k_stream
from altheory.scores.uncertainty import entropy


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(1, 9), st.data())
def test_equals_a_stable_sort(values, chunk, data):
    k = data.draw(st.integers(1, len(values)))
    pool = np.array(values, np.float32)
    top = top_k_stream(lambda x: x, pool, k, chunk=chunk)
    order = np.lexsort((np.arange(len(values)), -pool))[:k]
    assert top.picks.tolist() == order.tolist()
    assert top.scores.tolist() == pool[order].tolist()


def test_a_memory_mapped_pool_of_probabilities(tmp_path):
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(4), 1003).astype(np.float32)
    file = np.lib.format.open_memmap(tmp_path / "pool.npy", "w+", np.float32, probs.shape)
    file[:] = probs
    file.flush()
    pool = np.load(tmp_path / "pool.npy", mmap_mode="r")
    top = top_k_stream(entropy, pool, 10, chunk=100)
    scores = np.asarray(entropy(probs))
    assert top.picks.tolist() == np.argsort(-scores, kind="stable")[:10].tolist()
    np.testing.assert_allclose(top.scores, scores[top.picks], rtol=1e-6)


def test_another_axis():
    probs = np.random.default_rng(1).dirichlet(np.ones(3), (5, 47))
    for axis in (1, -2):
        top = top_k_stream(bald, probs, 6, chunk=10, axis=axis)
        assert top.picks.tolist() == np.argsort(-np.asarray(bald(probs)), kind="stable")[:6].tolist()


def test_nan_loses_and_all_nan_still_fills():
    values = np.array([np.nan, 1.0, np.nan, -np.inf, 3.0], np.float32)
    assert top_k_stream(lambda x: x, values, 3, chunk=2).picks.tolist()[:2] == [4, 1]
    assert sorted(top_k_stream(lambda x: x, values, 5, chunk=2).picks.tolist()) == list(range(5))


def test_the_scorer_sees_one_shape_and_the_next_chunk_is_read_meanwhile():
    reads, shapes, used = [], [], threading.Event()

    class Pool:
        shape = (25, 2)
        ndim = 2

        def __array__(self, dtype=None, copy=None):
            raise AssertionError("the whole pool must never be read")

        def __getitem__(self, index):
            reads.append(index[0].start)
            if index[0].start == 10:
                assert used.wait(30)
            return np.zeros((min(index[0].stop, 25) - index[0].start, 2), np.float32)

    def scorer(part):
        shapes.append(part.shape)
        used.set()
        return part.sum(-1)

    top = top_k_stream(scorer, Pool(), 2, chunk=10)
    assert top.picks.tolist() == [0, 1]
    assert set(shapes) == {(10, 2)}
    assert reads == [0, 10, 20]


def test_compiles_once():
    count = 0

    @jax.jit
    def scorer(part):
        nonlocal count
        count += 1
        return part

    top_k_stream(scorer, np.arange(25, dtype=np.float32), 3, chunk=10)
    assert count == 1


def test_bad_input():
    pool = np.zeros((4, 2), np.float32)
    with pytest.raises(ValueError, match="from 1 to the 4 items"):
        top_k_stream(lambda x: x.sum(-1), pool, 5)
    with pytest.raises(ValueError, match="one score for each of the 4 items"):
        top_k_stream(lambda x: x, pool, 2)
    with pytest.raises(ValueError, match="axis must be"):
        top_k_stream(lambda x: x, pool, 2, axis=2)
    with pytest.raises(ValueError, match="chunk"):
        top_k_stream(lambda x: x, pool, 2, chunk=0)
