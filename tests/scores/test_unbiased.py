"""Unbiased means of a pool: the formula, and what it refuses (that it is unbiased is a theorem of the catalogue)."""

import numpy as np
import pytest

import altheory as al


def test_weights_are_the_formula():
    q = np.array([0.3, 0.5, 0.1])
    expected = [1 + (6 - 3) / (6 - m) * (1 / ((6 - m + 1) * q[m - 1]) - 1) for m in (1, 2, 3)]
    np.testing.assert_allclose(al.lure_weights(q, 6), expected, rtol=1e-6)


def test_uniform_draws_and_whole_pools_weigh_one():
    np.testing.assert_allclose(al.lure_weights(1 / np.array([6.0, 5, 4, 3]), 6), 1, rtol=1e-6)
    np.testing.assert_array_equal(al.lure_weights(np.array([0.9, 0.2, 1.0]), 3), 1)


def test_a_batch_of_draws_is_one_estimate_a_row():
    rng = np.random.default_rng(0)
    losses, q = rng.normal(size=(4, 3)), rng.uniform(0.1, 1, (4, 3))
    rows = [al.lure(x, p, 7) for x, p in zip(losses, q, strict=True)]
    np.testing.assert_allclose(al.lure(losses, q, 7), rows, rtol=1e-5)


@pytest.mark.parametrize(
    ("losses", "proposal", "total", "message"),
    [
        ([1.0, 2.0], [0.5, 0.0], 4, "proposal must be above 0"),
        ([1.0, 2.0], [0.5, 1.5], 4, r"proposal must lie in \[0, 1\]; it has 1.5"),
        ([1.0, 2.0], [0.5, 0.5], 1, "total must be a whole number of at least 2; it is 1"),
        ([1.0], [0.5, 0.5], 4, "losses must have the 2 items of proposal; it has 1"),
        ([1.0, np.nan], [0.5, 0.5], 4, "losses must hold numbers; it has NaN"),
    ],
)
def test_errors_name_the_argument(losses, proposal, total, message):
    with pytest.raises(ValueError, match=message):
        al.lure(np.array(losses), np.array(proposal), total)


def test_a_stream_counts_what_was_bought():
    got = al.importance_weighted_risk([1.0, np.nan, 3.0, 4.0], [0.5, 0.2, 1.0, 0.25], [True, False, True, True])
    np.testing.assert_allclose(got, (1 / 0.5 + 3 + 4 / 0.25) / 4)


@pytest.mark.parametrize(
    ("losses", "prob", "message"),
    [
        ([1.0, 2.0], [0.5, 0.0], "prob must be above 0"),
        ([1.0, 2.0], [0.5], r"must have one shape; theirs are \(2,\), \(1,\) and \(2,\)"),
        ([np.nan, 2.0], [0.5, 0.5], "losses must hold numbers; it has NaN"),
    ],
)
def test_a_stream_without_sense_is_refused(losses, prob, message):
    with pytest.raises(ValueError, match=message):
        al.importance_weighted_risk(losses, prob, [True, True])
