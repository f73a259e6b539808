"""Where labelers are wrong, and how well their confidence tells (alpha = 1e-6)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import altheory as al
from altheory.oracles.labelers import KINDS, error_table

N, D, C, TIMES, ALPHA = 300, 4, 5, 20, 1e-6
RNG = np.random.default_rng(0)
Y = RNG.integers(C, size=N)
CENTRES = RNG.normal(size=(C, D)) * 1.5
X = (CENTRES[Y] + RNG.normal(size=(N, D))).astype(np.float32)
EVERY = np.tile(np.arange(N), TIMES)
ALL = al.Choice(jnp.asarray(EVERY), jnp.ones(EVERY.size), jnp.bool_(False), jnp.ones(EVERY.size, bool), jnp.int32(0))
every_kind = pytest.mark.parametrize("kind", KINDS)


@jax.jit
def answers(pool):
    return pool.answer(pool.init(jax.random.key(1)), ALL, jax.random.key(0))[1]


def margin():
    """Distance to the nearest other class's centroid less that to its own."""
    centres = np.stack([X[c == Y].mean(0) for c in range(C)])
    distance = ((X[:, None] - centres) ** 2).sum(-1)
    own = distance[np.arange(N), Y]
    distance[np.arange(N), Y] = np.inf
    return distance.min(1) - own


@every_kind
@pytest.mark.parametrize("flip", [0.0, 0.1, 0.35, 1.0])
def test_the_table_has_the_mean_error_rate(kind, flip):
    error, wrong = error_table(kind, X, Y, flip, seed=0)
    np.testing.assert_allclose(error.mean(), flip, atol=0.5 / N)
    assert (error >= 0).all()
    assert (error <= 1).all()
    assert (wrong != Y)[error > 0].all()


@every_kind
def test_answers_err_at_the_rate_asked_for(kind):
    """A binomial test; where errors are certain by item, an exact count."""
    outcome = answers(al.LabelPool(X, Y, flip=0.2, kind=kind))
    errors = (np.asarray(outcome.y) != Y[EVERY]).reshape(TIMES, N)
    assert stats.binomtest(int(errors.sum()), errors.size, 0.2).pvalue > ALPHA
    if kind == "region":
        np.testing.assert_array_equal(errors, np.broadcast_to(errors[0], errors.shape))
    assert np.asarray(outcome.y).min() >= 0
    assert np.asarray(outcome.y).max() < C


def test_uniform_errors_go_evenly_to_the_other_classes():
    y = np.asarray(answers(al.LabelPool(X, Y, flip=0.6)).y)
    shift = (y - Y[EVERY]) % C
    assert stats.chisquare(np.bincount(shift, minlength=C)[1:]).pvalue > ALPHA


def test_hard_errors_fall_with_the_margin_and_go_to_the_rival():
    error, wrong = error_table("hard", X, Y, 0.2, seed=0)
    by_margin = error[np.argsort(margin())]
    assert (np.diff(by_margin) <= 0).all()
    assert by_margin[: N // 5].mean() > 10 * by_margin[-N // 5 :].mean()
    centres = np.stack([X[c == Y].mean(0) for c in range(C)])
    rival = ((X[:, None] - centres) ** 2).sum(-1)
    rival[np.arange(N), Y] = np.inf
    np.testing.assert_array_equal(wrong, rival.argmin(1))


def test_classpair_takes_a_class_for_one_other():
    error, wrong = error_table("classpair", X, Y, 0.3, seed=0)
    for c in range(C):
        assert len(set(wrong[c == Y])) == len(set(error[c == Y])) == 1
    rates = np.array([error[c == Y][0] for c in range(C)])
    assert ((rates > 0) & (rates < 1)).sum() <= 1


def test_region_is_wrong_in_a_half_space_by_one_permutation():
    error, wrong = error_table("region", X, Y, 0.3, seed=0)
    assert set(error) == {0.0, 1.0}
    np.testing.assert_array_equal(wrong, (Y + 1) % C)
    direction = np.random.default_rng(0).normal(size=D)
    side = X @ direction
    assert side[error == 1].max() < side[error == 0].min()
    other = error_table("region", X, Y, 0.3, seed=1)[0]
    assert (other != error).any()


@pytest.mark.parametrize("delta", [0.0, 0.7, 2.0])
def test_confidence_separates_to_the_degree_asked_for(delta):
    """AUROC against Phi(delta / sqrt 2), with the largest standard error an AUROC can have."""
    outcome = answers(al.LabelPool(X, Y, flip=0.3, informative=delta))
    right = np.asarray(outcome.y) == Y[EVERY]
    confidence = np.asarray(outcome.confidence, np.float64)
    auroc = stats.mannwhitneyu(confidence[right], confidence[~right]).statistic / (right.sum() * (~right).sum())
    expected = stats.norm.cdf(delta / np.sqrt(2))
    error = np.sqrt(expected * (1 - expected) / (~right).sum())
    assert abs(auroc - expected) < stats.norm.isf(ALPHA / 2) * error


@every_kind
def test_confidence_is_calibrated(kind):
    """In five bins of confidence, the share of right labels against the mean confidence."""
    pool = al.LabelPool(X, Y, flip=0.3, informative=1.5, kind=kind)
    many = al.LabelPool(X, Y, flip=0.3, informative=1.5) if kind == "uniform" else pool
    outcome = answers(many)
    right = (np.asarray(outcome.y) == Y[EVERY]).astype(float)
    p = np.asarray(outcome.confidence, np.float64)
    which = np.searchsorted(np.quantile(p, [0.2, 0.4, 0.6, 0.8]), p)
    for b in range(5):
        gap = (right - p)[which == b]
        z = gap.sum() / np.sqrt((p * (1 - p))[which == b].sum())
        assert abs(z) < stats.norm.isf(ALPHA / 10)


def test_certain_labelers_say_so():
    for flip, sure in ((0.0, 1.0), (1.0, 0.0)):
        np.testing.assert_array_equal(answers(al.LabelPool(X, Y, flip=flip, informative=1.0)).confidence, sure)
