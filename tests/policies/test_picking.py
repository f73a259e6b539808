"""The laws by which policies pick, seen in draws (chi-square tests, alpha = 1e-6)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

import altheory as al
from altheory.policies.pick import worth

K, DRAWS = 5, 4000
KEY = jax.random.key(0)
VALUES = np.array([0.4, 1.0, -0.3, 0.9, 0.2], np.float32)
OPEN = np.array([True, True, True, False, True])
MENU = al.menu(jnp.arange(K), open=jnp.asarray(OPEN))


def known(belief, menu, key, *, values):
    return values


def noisy(belief, menu, key):
    return jnp.asarray(VALUES) + jax.random.normal(key, (K,))


FIXED = al.score(known, values=jnp.asarray(VALUES))


@jax.jit
def picks(policy, keys):
    state = policy.init(keys[0])
    return jax.vmap(lambda k: policy.select(state, MENU, k))(keys)


def draws(policy, seed=0):
    return picks(policy, jax.random.split(jax.random.key(seed), DRAWS))


def softmax(temperature):
    return special.softmax(np.where(OPEN, VALUES.astype(np.float64) / temperature, -np.inf))


def only(k):
    return np.eye(K)[k]


LAWS = {
    "argmax": (al.Argmax(al.counts(K), FIXED), only(1)),
    "softmax": (al.Softmax(al.counts(K), FIXED, 0.5), softmax(0.5)),
    "epsilon": (al.Epsilon(al.Argmax(al.counts(K), FIXED), 0.3), 0.7 * only(1) + 0.3 * OPEN / 4),
    "epsilon of softmax": (al.Epsilon(al.Softmax(al.counts(K), FIXED, 2.0), 0.5), 0.5 * softmax(2) + 0.5 * OPEN / 4),
    "top two": (al.TopTwo(al.counts(K), FIXED, 0.7), 0.7 * only(1) + 0.3 * only(0)),
    "until": (al.Until(al.Softmax(al.counts(K), FIXED, 1.0), al.below(-1.0)), softmax(1.0)),
}


@pytest.mark.parametrize("name", LAWS)
def test_picks_follow_the_law_and_report_it(name):
    policy, law = LAWS[name]
    np.testing.assert_allclose(policy.weigh(policy.scores(policy.init(KEY), MENU, KEY), MENU.open), law, atol=1e-6)
    choices = draws(policy)
    np.testing.assert_allclose(choices.prob, law[choices.item], rtol=1e-5)
    counts = np.bincount(choices.item, minlength=K)
    assert counts[law == 0].sum() == 0
    if (law > 0).sum() > 1:
        assert stats.chisquare(counts[law > 0], DRAWS * law[law > 0]).pvalue > 1e-6


def test_ties_are_broken_evenly():
    tied = al.Argmax(al.counts(K), al.score(known, values=jnp.array([1.0, 2.0, 2.0, 2.0, 2.0])))
    choices = draws(tied)
    counts = np.bincount(choices.item, minlength=K)
    assert counts[[0, 3]].sum() == 0
    assert stats.chisquare(counts[[1, 2, 4]]).pvalue > 1e-6
    np.testing.assert_allclose(choices.prob, 1 / 3)


def test_top_two_challenges_until_the_challenger_differs():
    """The leader is the best of one draw; the challenger's law is that of the best given that it is no leader."""
    choices = draws(al.TopTwo(al.counts(K), noisy, 0.6))
    rng = np.random.default_rng(0)
    best = np.where(OPEN, VALUES + rng.normal(size=(400_000, K)), -np.inf).argmax(1)
    p = np.bincount(best, minlength=K) / best.size
    with np.errstate(invalid="ignore"):
        challenger = np.where(OPEN, p * sum(p[j] / (1 - p[j]) for j in range(K)) - p * p / (1 - p), 0)
    law = 0.6 * p + 0.4 * challenger
    counts = np.bincount(choices.item, minlength=K)
    assert stats.chisquare(counts[OPEN], DRAWS * law[OPEN] / law.sum()).pvalue > 1e-6
    np.testing.assert_allclose(law.sum(), 1, atol=1e-6)


def test_top_two_with_one_open_item_plays_it():
    policy = al.TopTwo(al.counts(K), noisy, 0.6)
    choice = policy.select(policy.init(jax.random.key(1)), MENU.replace(open=jnp.arange(K) == 2), jax.random.key(0))
    assert (int(choice.item), float(choice.prob), bool(choice.stop)) == (2, 1.0, False)


@given(st.permutations(range(K)), st.lists(st.booleans(), min_size=K, max_size=K))
@pytest.mark.parametrize("name", LAWS)
def test_relabelling_the_menu_permutes_the_law(name, order, open):
    policy, _ = LAWS[name]
    order, open = np.array(order), jnp.array(open)
    scores = jnp.stack([VALUES, VALUES[::-1]]) if name == "top two" else jnp.asarray(VALUES)
    before, after = policy.weigh(scores, open), policy.weigh(scores[..., order], open[order])
    np.testing.assert_allclose(after, before[order], atol=1e-6)
    assert float(before.sum()) == pytest.approx(float(open.any()), abs=1e-5)
    assert (before[~open] == 0).all()


def test_nan_loses_to_every_number_and_closed_items_to_nan():
    scores = jnp.array([jnp.nan, -jnp.inf, -1e38, 5.0, jnp.inf])
    w = worth(scores, jnp.array([True, True, True, False, True]))
    assert w[3] == -jnp.inf
    assert w[4] == jnp.inf
    assert w[2] > w[0]
    assert (w[np.array([0, 1])] > -jnp.inf).all()


@pytest.mark.parametrize(
    ("build", "error", "sentence"),
    [
        (lambda: al.Softmax(al.counts(K), FIXED, 0.0), ValueError, "Softmax temperature must be above 0"),
        (lambda: al.TopTwo(al.counts(K), FIXED, 1.5), ValueError, r"TopTwo beta must lie in \[0, 1\]; it has 1.5"),
        (lambda: al.Epsilon(al.ucb1(2), -0.1), ValueError, r"Epsilon eps must lie in \[0, 1\]"),
        (lambda: al.Batched(al.ucb1(2), 0), ValueError, "Batched q must be a whole number of at least 1; it is 0"),
        (lambda: al.Budgeted(al.ucb1(2), -1.0), ValueError, "Budgeted budget must be at least 0"),
        (lambda: al.Epsilon(al.Budgeted(al.ucb1(2), 1.0)), TypeError, "it got Budgeted: put Epsilon inside it instead"),
        (lambda: al.Batched(al.Batched(al.ucb1(2), 2), 2), TypeError, "it got Batched: put Batched inside it"),
        (lambda: al.score(3.0), TypeError, "score needs a function"),
    ],
)
def test_bad_policies_are_one_sentence(build, error, sentence):
    with pytest.raises(error, match=sentence) as caught:
        build()
    assert "\n" not in str(caught.value)
