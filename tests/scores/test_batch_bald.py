"""BatchBALD: enumeration, brute-force greedy, unbiased thinning, submodularity, certified bounds."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import slow_scores as slow
from hypothesis import given, settings
from hypothesis import strategies as st

from altheory.scores.batch_bald import batch_bald, joint_information
from altheory.scores.configurations import Configurations, thin
from altheory.scores.information import bald

KEY = jax.random.key(0)


def pool(seed, draws=5, items=8, classes=3, concentration=0.4):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, concentration), (draws, items))
    p[:, 1] = p[:, 0]
    p[:, 2] = np.eye(classes)[0]
    p[:, 3] = np.eye(classes)[rng.integers(0, classes, draws)]
    return p


@pytest.mark.parametrize("seed", range(3))
def test_joint_information_equals_enumeration(seed):
    p = pool(seed)
    items = [4, 0, 3, 1, 2]
    expected = [slow.joint_information(p, items[: j + 1]) for j in range(5)]
    np.testing.assert_allclose(joint_information(p, jnp.array(items), key=KEY), expected, atol=3e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("groups", [1, 64])
def test_picks_equal_brute_force_greedy(seed, groups):
    p = pool(seed)
    picks, values = slow.greedy(lambda s: slow.joint_information(p, s), 8, 4)
    batch = batch_bald(p, 4, key=KEY, block=2, groups=groups)
    assert batch.exact.all()
    np.testing.assert_allclose(batch.information, values, atol=5e-6)
    for j, pick in enumerate(np.asarray(batch.picks)):
        assert abs(slow.joint_information(p, [*np.asarray(batch.picks)[:j], pick]) - values[j]) < 5e-6
    if seed != 2:
        assert batch.picks.tolist() == picks


def test_all_items_of_a_small_pool():
    p = pool(0, items=5)
    batch = batch_bald(p, 5, key=KEY)
    assert sorted(batch.picks.tolist()) == list(range(5))
    np.testing.assert_allclose(batch.information[-1], slow.joint_information(p, list(range(5))), atol=5e-6)


def test_one_item_one_draw_one_class():
    assert batch_bald(np.ones((1, 1, 1)), 1, key=KEY).picks.tolist() == [0]
    assert batch_bald(np.full((1, 3, 2), 0.5), 3, key=KEY).information.tolist() == [0, 0, 0]


def test_top_scores_alone_lose_to_near_duplicates():
    """The mutant, the top of the list by BALD, takes three copies of one question."""
    rng = np.random.default_rng(3)
    p = np.stack([np.eye(2)[rng.permutation(np.arange(8) % 2)] for _ in range(6)], 1) * 0.9 + 0.05
    p[:, 1], p[:, 2] = p[:, 0], p[:, 0]
    p[:, 3:] = 0.5 + 0.9 * (p[:, 3:] - 0.5)
    top = np.argsort(-np.asarray(bald(p)), kind="stable")[:3]
    batch = batch_bald(p, 3, key=KEY)
    assert slow.joint_information(p, top.tolist()) < slow.joint_information(p, batch.picks.tolist()) - 0.1


@pytest.mark.parametrize("capacity", [2, 20])
def test_thinned_estimates_are_unbiased(capacity):
    p = pool(7, concentration=0.8)
    items = jnp.array([4, 5, 6, 7])
    keys = jax.random.split(jax.random.key(capacity), 3000)
    run = jax.jit(jax.vmap(lambda k: joint_information(jnp.asarray(p), items, key=k, configurations=capacity)))
    estimates = np.asarray(run(keys), float)
    truth = [slow.joint_information(p, items[: j + 1].tolist()) for j in range(4)]
    error = estimates.std(0) / len(keys) ** 0.5
    assert (np.abs(estimates.mean(0) - truth) < 5 * error + 1e-5).all()
    assert error[-1] > 1e-5


def test_thinning_keeps_every_weight_in_expectation():
    rng = np.random.default_rng(0)
    weights = jnp.asarray(rng.dirichlet(np.full(30, 0.3)), jnp.float32)

    def dense(key):
        index, value, _ = thin(weights, 8, key)
        return jnp.zeros(30).at[index].add(value)

    sample = np.asarray(jax.jit(jax.vmap(dense))(jax.random.split(KEY, 20000)), float)
    assert ((sample > 0).sum(1) <= 8).all()
    np.testing.assert_allclose(sample.sum(1), 1, atol=1e-5)
    error = sample.std(0) / 20000**0.5
    assert (np.abs(sample.mean(0) - np.asarray(weights)) < 5 * error + 1e-6).all()


def test_thinning_loses_nothing_while_there_is_room():
    weights = jnp.array([0.5, 0.0, 0.3, 0.2, 0.0])
    index, value, exact = thin(weights, 3, KEY)
    assert bool(exact)
    assert index.tolist() == [0, 2, 3]
    np.testing.assert_array_equal(value, weights[index])
    uniform = thin(jnp.full(6, 1 / 6), 3, KEY)
    assert not bool(uniform[2])
    np.testing.assert_allclose(uniform[1], 1 / 3, rtol=1e-5)


def test_lazy_search_equals_the_full_search_beyond_exact_joints():
    p = pool(5, draws=12, items=60, classes=4, concentration=0.6)
    lazy = batch_bald(p, 6, key=KEY, configurations=32, block=4, groups=16)
    full = batch_bald(p, 6, key=KEY, configurations=32, block=60, groups=1)
    assert lazy.picks.tolist() == full.picks.tolist()
    np.testing.assert_allclose(lazy.information, full.information, atol=1e-5)
    assert not lazy.exact[-1]
    assert lazy.exact[0]
    assert lazy.evaluated.sum() < full.evaluated.sum()


def test_coarse_bounds_are_upper_bounds():
    p = jnp.asarray(pool(9, draws=10, items=12))
    joint = Configurations.of_nothing(27, 10, p.dtype)
    extend = jax.jit(lambda joint, item: joint.extend(p[:, item], KEY))
    for item in (4, 5, 6):
        joint = extend(joint, item)

    def predictive_entropy(weight, posterior):
        q = np.einsum("km,mic->kic", np.asarray(posterior), np.asarray(p))
        return np.array([sum(w * slow.entropy_of(a) for w, a in zip(weight, q[:, i], strict=True)) for i in range(12)])

    fine = predictive_entropy(np.asarray(joint.weight), joint.posterior)
    for groups in (1, 3, 9):
        weight, merged = jax.jit(Configurations.coarse, static_argnums=1)(joint, groups)
        mean = np.asarray(merged) / np.maximum(np.asarray(weight), 1e-30)[:, None]
        assert (predictive_entropy(np.asarray(weight), mean) >= fine - 1e-6).all()
    assert (predictive_entropy(np.asarray(weight), mean) > fine + 1e-3).any()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_information_is_monotone_submodular_and_bounded(seed):
    p = pool(seed, draws=4, items=4, classes=2)
    value = {s: slow.joint_information(p, list(s)) for r in range(5) for s in itertools.combinations(range(4), r)}
    greedy = batch_bald(p, 4, key=KEY)
    gains = np.diff([0, *np.asarray(greedy.information)])
    assert (gains >= -1e-5).all()
    assert (np.diff(gains) <= 1e-5).all()
    assert greedy.information[-1] <= np.log(4) + 1e-5
    for k in (1, 2, 3):
        best = max(v for s, v in value.items() if len(s) == k)
        assert greedy.information[k - 1] >= (1 - (1 - 1 / k) ** k) * best - 1e-5


def test_closed_items_are_not_picked():
    p = pool(1)
    open = np.arange(8) % 2 == 1
    batch = batch_bald(p, 4, key=KEY, open=open)
    assert sorted(batch.picks.tolist()) == [1, 3, 5, 7]
    with pytest.raises(ValueError, match="open items, 4; it is 5"):
        batch_bald(p, 5, key=KEY, open=open)


@pytest.mark.parametrize(("size", "words"), [(9, "from 1 to the 8 items"), (0, "from 1"), (1.5, "whole number")])
def test_bad_sizes(size, words):
    with pytest.raises(ValueError, match=words):
        batch_bald(pool(0), size, key=KEY)


def test_bad_items():
    with pytest.raises(ValueError, match="indices"):
        joint_information(pool(0), jnp.array([0.5]), key=KEY)
