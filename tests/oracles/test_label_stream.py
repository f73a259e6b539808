"""Streams draw their items and labels by the laws they state (alpha = 1e-6), and a pass buys nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import altheory as al

ALPHA, N, ROUNDS = 1e-6, 5, 4000
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(N, 2)), np.array([0, 1, 2, 1, 0])
MASS, FLIP = np.array([0.4, 0.0, 0.3, 0.2, 0.1]), np.array([0.0, 0.5, 0.9, 0.2, 0.4])
STREAM = al.LabelStream(X, Y, mass=MASS * 7, flip=FLIP, price=0.5)


def offered(r):
    return r.world.item


def answered(r):
    return r.outcome.y


@pytest.fixture(scope="module")
def trace():
    policy = al.SelectiveSampling(al.linear(2), al.uniform)
    return al.simulate(
        policy, STREAM, jax.random.key(1), horizon=ROUNDS, record=(offered, answered, al.labels, al.cost, al.propensity)
    )[1]


def test_items_come_by_their_mass_and_independently(trace):
    item = np.asarray(trace["offered"])
    count = np.bincount(item, minlength=N)
    assert count[1] == 0
    live = MASS > 0
    assert stats.chisquare(count[live], MASS[live] * ROUNDS).pvalue > ALPHA
    pairs = np.histogram2d(item[:-1], item[1:], bins=np.arange(N + 1))[0][live][:, live]
    assert stats.chi2_contingency(pairs).pvalue > ALPHA


def test_labels_are_wrong_at_each_items_rate_and_any_other_class_alike(trace):
    item, y = np.asarray(trace["offered"]), np.asarray(trace["answered"])
    for i in np.flatnonzero(MASS):
        wrong = y[item == i][y[item == i] != Y[i]]
        assert stats.binomtest(wrong.size, (item == i).sum(), FLIP[i]).pvalue > ALPHA
        if wrong.size:
            assert stats.binomtest((wrong == (Y[i] + 1) % 3).sum(), wrong.size, 0.5).pvalue > ALPHA


def test_a_pass_costs_nothing_and_asks_follow_their_chance(trace):
    asked, chance = np.asarray(trace["labels"]), np.asarray(trace["propensity"])
    np.testing.assert_allclose(trace["cost"], 0.5 * asked)
    assert not trace.stopped.any()
    np.testing.assert_array_equal(np.asarray(trace.item) >= 0, asked == 1)
    z = (asked - chance).sum() / np.sqrt((chance * (1 - chance)).sum())
    assert abs(z) < stats.norm.isf(ALPHA / 2)
    assert np.corrcoef(chance, asked)[0, 1] > 0.4


def test_once_offers_every_item_once_in_random_order_and_then_stops():
    stream = al.LabelStream(X, Y, once=True)
    run = jax.vmap(lambda k: al.simulate(al.random(al.linear(2)), stream, k, horizon=7, record=(offered, al.labels))[1])
    trace = run(jax.random.split(jax.random.key(0), 600))
    orders = np.asarray(trace["offered"])[:, :N]
    np.testing.assert_array_equal(np.sort(orders, 1), np.tile(np.arange(N), (600, 1)))
    assert stats.chisquare(np.bincount(orders[:, 2], minlength=N)).pvalue > ALPHA
    np.testing.assert_array_equal(np.asarray(trace.stopped), np.tile(np.arange(7) >= N, (600, 1)))


def test_the_exam_is_the_whole_pool():
    menu, truth, counted = STREAM.exam(STREAM.init(jax.random.key(0)))
    np.testing.assert_allclose(al.features(menu.x), X, rtol=1e-6)
    np.testing.assert_array_equal(truth, Y)
    assert counted.all()


def point(key):
    x = jax.random.uniform(key, (1,))
    return x, (x[0] > 0.25).astype(jnp.int32)


def test_a_sampled_stream_draws_fresh_rows_each_round():
    stream = al.SampledStream(point, rows=3, flip=0.1)
    ask = al.Choice(jnp.int32(1), jnp.ones(()), jnp.bool_(False), jnp.bool_(True), jnp.int32(0))
    one, other = jax.random.split(jax.random.key(0), (2, 500))
    before = jax.vmap(stream.init)(one)
    after, outcome = jax.vmap(lambda world, k: stream.answer(world, ask, k))(before, other)
    values = np.stack([before[0], after[0]])[..., 0]
    np.testing.assert_array_equal(np.stack([before[1], after[1]]), values > 0.25)
    assert np.unique(values).size > 0.99 * values.size
    assert stats.kstest(values.ravel(), "uniform").pvalue > ALPHA
    right = int((outcome.y == before[1][:, 1]).sum())
    assert stats.binomtest(right, 500, 0.9).pvalue > ALPHA


def real(key):
    return jax.random.normal(key, (2,)), jnp.float32(0.5)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: al.LabelStream(X, Y[:3]), "one entry for each of the 5 items"),
        (lambda: al.LabelStream(X, Y, mass=-MASS), "at least 0"),
        (lambda: al.LabelStream(X, Y, mass=np.zeros(N)), "must have some mass"),
        (lambda: al.LabelStream(X, Y, mass=MASS, once=True), "give one of the two"),
        (lambda: al.LabelStream(X, Y, flip=1.2), r"must lie in \[0, 1\]"),
        (lambda: al.LabelStream(X, Y, classes=2), r"must lie in 0..1; it has 2"),
        (lambda: al.SampledStream(point, rows=0), "at least 1"),
        (lambda: al.SampledStream(real), "y a whole number; y is float32"),
    ],
)
def test_bad_input_is_one_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
