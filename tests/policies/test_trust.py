"""Confidence becomes the error rate of the label it came with."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import altheory as al
from altheory.policies.trust import doubted

KEY = jax.random.key(0)
K, D = 5, 3
X = np.random.default_rng(0).normal(size=(K, D)).astype(np.float32)
MENU = al.menu(X, noise=jnp.full(K, 0.2))
POLICY = al.Argmax(al.logistic(D), al.uniform)


def learned(policy, item, y, confidence, valid=True):
    choice = al.Choice(jnp.asarray(item), jnp.ones(np.shape(item)), jnp.bool_(False), jnp.asarray(valid), jnp.int32(0))
    outcome = al.Outcome(jnp.asarray(y), jnp.ones(np.shape(item)), jnp.asarray(confidence))
    return policy.update(policy.init(KEY), MENU, choice, outcome).belief


@pytest.mark.parametrize(("trust", "noise"), [(1.0, 0.07), (0.0, 0.2), (0.5, 0.135)])
def test_a_label_is_learned_with_the_error_rate_its_confidence_states(trust, noise):
    told = learned(al.Trusting(POLICY, trust), 1, 1, 0.93)
    by_hand = POLICY.belief.update(MENU.replace(noise=jnp.full(K, noise))[1], jnp.int32(1))
    np.testing.assert_allclose(told.weights, by_hand.weights, rtol=1e-5)
    np.testing.assert_allclose(told.data.noise[0], noise, rtol=1e-5)


def test_where_no_confidence_was_stated_the_menu_is_believed():
    told = learned(al.Trusting(POLICY), 1, 1, 1.0)
    np.testing.assert_allclose(told.data.noise[0], 0.2)
    assert float(doubted(jnp.float32(0.2), jnp.float32(jnp.nan), 1.0)) == np.float32(0.2)


def test_in_a_batch_each_label_has_its_own_and_invalid_places_touch_nothing():
    policy = al.Trusting(al.Batched(POLICY, 3))
    told = learned(policy, [0, 2, 0], [1, 0, 0], [0.9, 0.6, 0.55], [True, True, False])
    np.testing.assert_allclose(np.sort(told.data.noise[:3]), np.sort([0.1, 0.4, 0.0]), atol=1e-6)
    assert int(told.seen) == 2


def test_choices_are_those_of_the_policy_inside():
    policy = al.Budgeted(al.Argmax(al.logistic(D), al.entropy_score), 3.0)
    mine, theirs = (p.select(p.init(KEY), MENU, KEY) for p in (al.Trusting(policy), policy))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), mine, theirs))


def test_trusting_a_labeler_that_knows_when_it_errs_gives_better_predictions():
    """The log likelihood of the true classes after 30 labels, paired over 40 seeds (t-test, alpha = 1e-6)."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 2)).astype(np.float32)
    pool = al.LabelPool(x, (x[:, 0] > 0).astype(int), flip=0.35, informative=3.0)
    policy = al.Argmax(al.logistic(2), al.uniform)

    def fit(trust, key):
        state, _ = al.simulate(al.Trusting(policy, trust), pool, key, horizon=30, record=())
        return jnp.log(jnp.take_along_axis(state.belief.classify(pool.X), pool.y[:, None], 1)).mean()

    gain = jax.jit(jax.vmap(lambda k: fit(1.0, k) - fit(0.0, k)))(jax.random.split(KEY, 40))
    assert stats.ttest_1samp(np.asarray(gain), 0, alternative="greater").pvalue < 1e-6


def test_what_it_refuses():
    with pytest.raises(ValueError, match=r"Trusting trust must lie in \[0, 1\]; it has 1.5"):
        al.Trusting(POLICY, 1.5)
    with pytest.raises(TypeError, match="the belief Linear has no classes"):
        al.Trusting(al.linucb(D))
    with pytest.raises(TypeError, match="Batched wraps a policy that scores items"):
        al.Batched(al.Trusting(POLICY), 2)
