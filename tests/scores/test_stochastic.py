"""Stochastic batches: the exact law of sampling without replacement, and their limits."""

import itertools
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import slow_scores as slow
from hypothesis import given, settings
from hypothesis import strategies as st

from altheory.scores.stochastic import power_batch, soft_rank_batch, softmax_batch, top_batch

SCORES = np.array([0.1, 0.7, 0.0, 0.4, 0.4])
KEY = jax.random.key(0)


def law_without_replacement(weights, size):
    law = {}
    for batch in itertools.permutations(range(len(weights)), size):
        left, chance = np.array(weights, float), 1.0
        for i in batch:
            chance *= left[i] / left.sum() if left.sum() > 0 else 0.0
            left[i] = 0
        law[batch] = chance
    return law


@pytest.mark.parametrize(
    ("kernel", "options", "weights"),
    [
        (power_batch, {"power": 2.0}, SCORES**2),
        (softmax_batch, {"temperature": 0.5}, np.exp(SCORES / 0.5)),
        (soft_rank_batch, {"power": 1.5}, np.array([4.0, 1.0, 5.0, 2.0, 3.0]) ** -1.5),
    ],
)
def test_law_is_that_of_drawing_without_replacement(kernel, options, weights):
    run = jax.jit(jax.vmap(lambda k: kernel(SCORES, 2, key=k, **options)))
    count = Counter(map(tuple, np.asarray(run(jax.random.split(KEY, 30000))).tolist()))
    law = {b: q for b, q in law_without_replacement(weights, 2).items() if q > 0}
    assert set(count) <= set(law)
    statistic = sum((count[b] - 30000 * q) ** 2 / (30000 * q) for b, q in law.items())
    assert statistic < slow.chi_square_threshold(len(law) - 1, 1e-6)


def test_zeros_come_last_in_random_order():
    scores = np.array([0.0, 1.0, 0.0, 0.0])
    run = jax.jit(jax.vmap(lambda k: power_batch(scores, 4, key=k)))
    sample = np.asarray(run(jax.random.split(KEY, 3000)))
    assert (sample[:, 0] == 1).all()
    count = np.bincount(sample[:, 1], minlength=4)[[0, 2, 3]]
    assert ((count - 1000) ** 2 / 1000).sum() < slow.chi_square_threshold(2, 1e-6)


def test_limits():
    for key in jax.random.split(KEY, 5):
        assert power_batch(SCORES, 2, key=key, power=1e6).tolist()[0] == 1
        assert softmax_batch(SCORES, 1, key=key, temperature=1e-6).tolist() == [1]
        assert softmax_batch(SCORES, 1, key=key, temperature=0.0).tolist() == [1]
        assert soft_rank_batch(SCORES, 3, key=key, power=1e6).tolist() == [1, 3, 4]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.data())
def test_top_batch_is_the_sorted_list(scores, data):
    size = data.draw(st.integers(1, len(scores)))
    expected = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:size]
    assert top_batch(np.array(scores, float), size).tolist() == expected


def test_infinite_scores_and_closed_items():
    scores = np.array([-np.inf, 1.0, np.inf, 2.0])
    assert top_batch(scores, 4).tolist() == [2, 3, 1, 0]
    open = np.array([True, True, False, False])
    assert top_batch(scores, 2, open=open).tolist() == [1, 0]
    assert jax.jit(lambda m: top_batch(scores, 3, open=m))(open).tolist() == [1, 0, -1]
    assert sorted(softmax_batch(SCORES[:4], 2, key=KEY, open=open).tolist()) == [0, 1]


def test_a_changed_temperature_does_not_retrace():
    count = 0

    @jax.jit
    def run(temperature):
        nonlocal count
        count += 1
        return softmax_batch(jnp.asarray(SCORES), 2, key=KEY, temperature=temperature)

    run(0.5)
    run(2.0)
    assert count == 1


@pytest.mark.parametrize(
    ("scores", "size", "words"),
    [([np.nan, 1], 1, "NaN"), ([1.0, 2.0], 3, "from 1 to the 2 items"), ([], 1, "empty"), ([[1.0]], 1, "items")],
)
def test_bad_scores(scores, size, words):
    for kernel in (power_batch, softmax_batch, soft_rank_batch):
        with pytest.raises(ValueError, match=words):
            kernel(np.array(scores), size, key=KEY)
    with pytest.raises(ValueError, match=words):
        top_batch(np.array(scores), size)


def test_bad_options():
    with pytest.raises(ValueError, match="scores must be at least 0"):
        power_batch(np.array([-1.0, 1.0]), 1, key=KEY)
    with pytest.raises(ValueError, match="power must be at least 0"):
        power_batch(SCORES, 1, key=KEY, power=-1.0)
    with pytest.raises(ValueError, match="temperature"):
        softmax_batch(SCORES, 1, key=KEY, temperature=-1.0)
