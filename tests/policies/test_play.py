"""Playing a design: exactly its counts, in random order, never a closed item."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import altheory as al

X = np.random.default_rng(0).standard_normal((5, 2))
BANDIT = al.LinearBandit(X, np.array([0.5, -0.5]))


def play(repeats, key=0, horizon=14):
    return al.simulate(al.PlayDesign(al.linear(2), repeats), BANDIT, jax.random.key(key), horizon=horizon)


@given(st.lists(st.integers(0, 3), min_size=5, max_size=5), st.integers(0, 1000))
def test_each_item_is_bought_as_often_as_it_says_and_then_the_run_stops(repeats, key):
    horizon = 16
    _, trace = play(np.array(repeats), key, horizon)
    item, total = np.asarray(trace.item), sum(repeats)
    bought = np.bincount(item[item >= 0], minlength=5)
    np.testing.assert_array_equal(bought, repeats)
    np.testing.assert_array_equal(trace.stopped, np.arange(horizon) >= total)


def test_a_rounded_design_is_played_and_learned_from():
    repeats = al.round_design(al.g_optimal(X), 12)
    state, trace = play(repeats)
    assert np.asarray(trace.stopped).sum() == 2
    np.testing.assert_array_equal(state.left, 0)
    expected = np.eye(2) + (X * repeats[:, None]).T @ X
    np.testing.assert_allclose(state.belief.precision, expected, rtol=1e-5)


def test_the_first_pull_follows_the_law_it_reports():
    repeats = jnp.array([1, 0, 2, 3, 2])
    policy = al.PlayDesign(al.linear(2), repeats)
    menu = BANDIT.offer(()).closing(jnp.arange(5) == 3)
    choices = jax.vmap(lambda k: policy.select(policy.init(k), menu, k))(jax.random.split(jax.random.key(1), 4000))
    law = np.array([1, 0, 2, 0, 2]) / 5
    np.testing.assert_allclose(choices.prob, law[choices.item], rtol=1e-6)
    share = np.bincount(choices.item, minlength=5) / 4000
    np.testing.assert_allclose(share, law, atol=0.04)


def test_a_closed_item_waits_and_the_run_stops_where_only_closed_items_are_due():
    policy = al.PlayDesign(al.linear(2), jnp.array([0, 2, 0, 0, 0]))
    menu = BANDIT.offer(())
    choice = policy.select(policy.init(jax.random.key(0)), menu.closing(jnp.arange(5) == 1), jax.random.key(0))
    assert bool(choice.stop)
    assert not bool(choice.valid)
    assert int(policy.select(policy.init(jax.random.key(0)), menu, jax.random.key(0)).item) == 1


@pytest.mark.parametrize(
    ("repeats", "sentence"),
    [
        ([0.5, 1.0], "must be whole numbers"),
        ([-1, 2], "must be at least 0; its smallest entry is -1"),
        ([[1, 2]], r"of shape \(1, 2\)"),
    ],
)
def test_bad_counts_are_one_sentence(repeats, sentence):
    with pytest.raises(ValueError, match=sentence):
        al.PlayDesign(al.linear(2), np.array(repeats))
