"""EPIG, expected error and variance reduction: against reweighting the draws one label at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import slow_scores as slow

from altheory.scores.information import bald
from altheory.scores.lookahead import batch_epig, epig, expected_error_reduction, variance_reduction

RNG = np.random.default_rng(2)
KEY = jax.random.key(0)
LOSSES = {"error": lambda p: 1 - p.max(), "log": slow.entropy_of, "brier": lambda p: 1 - (p**2).sum()}


def pool(draws=5, items=7, classes=3):
    p = RNG.dirichlet(np.full(classes, 0.5), (draws, items))
    p[:, 0] = np.eye(classes)[0]
    p[:, 1] = np.eye(classes)[RNG.integers(0, classes, draws)]
    return p


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("block", [1, 3, 16])
def test_equals_reweighting_draw_by_draw(loss, block):
    p, q = pool(), pool(items=4, classes=2)
    expected = slow.predictive_gain(p, q, LOSSES[loss])
    got = expected_error_reduction(p, q, loss=loss, block=block)
    np.testing.assert_allclose(got, expected, atol=3e-6)
    assert (np.asarray(got) >= 0).all()


def test_epig_is_mutual_information_with_the_target():
    p, q = pool(), pool(items=3)
    both = np.concatenate([p, q], 1)
    expected = [
        np.mean(
            [
                slow.joint_entropy(both, [i]) + slow.joint_entropy(both, [7 + t]) - slow.joint_entropy(both, [i, 7 + t])
                for t in range(3)
            ]
        )
        for i in range(7)
    ]
    np.testing.assert_allclose(epig(p, q), expected, atol=3e-6)
    assert (np.asarray(epig(p, q)) <= np.asarray(bald(p)) + 1e-6).all()


def test_epig_of_the_item_itself_is_its_total_correlation_and_of_nothing_is_zero():
    p = pool()
    certain = np.broadcast_to(np.eye(3)[1], (5, 2, 3))
    np.testing.assert_allclose(epig(p, certain), 0, atol=1e-6)
    noiseless = np.eye(3)[RNG.integers(0, 3, (5, 4))]
    np.testing.assert_allclose(epig(noiseless, noiseless[:, :1])[0], bald(noiseless)[0], atol=2e-6)


def test_bald_in_place_of_epig_is_told_apart():
    p, q = pool(), pool(items=3)
    assert np.max(np.asarray(bald(p)) - np.asarray(epig(p, q))) > 0.1


@pytest.mark.parametrize("configurations", [1000])
def test_batch_epig_equals_brute_force_greedy(configurations):
    p, q = pool(draws=4, items=6), pool(draws=4, items=2)
    both = np.concatenate([p, q], 1)

    def value(items):
        own = slow.joint_entropy(both, items)
        return np.mean(
            [own + slow.joint_entropy(both, [6 + t]) - slow.joint_entropy(both, [*items, 6 + t]) for t in range(2)]
        )

    picks, values = slow.greedy(value, 6, 3)
    batch = batch_epig(p, q, 3, key=KEY, configurations=configurations)
    np.testing.assert_allclose(batch.values, values, atol=5e-6)
    assert batch.picks.tolist() == picks


def test_variance_reduction_equals_gaussian_conditioning():
    f, g = RNG.normal(size=(30, 6)), RNG.normal(size=(30, 4))
    f[:, 0] = 1.0
    g[:, 0] = 2 * f[:, 1]
    expected = np.zeros(6)
    for i in range(6):
        for t in range(4):
            c = np.cov(f[:, i], g[:, t], bias=True)
            expected[i] += c[0, 1] ** 2 / (c[0, 0] + 0.25) / 4
    np.testing.assert_allclose(variance_reduction(f, g, noise=0.5), expected, atol=2e-6)
    exact = variance_reduction(f, g[:, :1], noise=0.0)
    np.testing.assert_allclose(exact[1], g[:, 0].var(), rtol=1e-4)
    assert exact[0] == 0


def test_traces_once_for_changed_noise_and_works_under_jit():
    f = jnp.asarray(RNG.normal(size=(5, 3)))
    jitted = jax.jit(lambda noise: variance_reduction(f, f, noise=noise))
    np.testing.assert_allclose(jitted(0.5), variance_reduction(f, f, noise=0.5), rtol=1e-5)
    p, q = pool(), pool(items=2)
    np.testing.assert_allclose(jax.jit(epig)(p, q), epig(p, q), atol=1e-6)


def test_bad_input():
    p = pool()
    with pytest.raises(ValueError, match="the 5 draws"):
        epig(p, p[:3])
    with pytest.raises(ValueError, match="one of error, log, brier"):
        expected_error_reduction(p, p, loss="hinge")
    with pytest.raises(ValueError, match="noise"):
        variance_reduction(p[:, :, 0], p[:, :, 0], noise=-1.0)
    with pytest.raises(ValueError, match="values must be finite"):
        variance_reduction(np.full((2, 2), np.nan), np.ones((2, 2)), noise=1.0)
