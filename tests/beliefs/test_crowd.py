"""The Dawid-Skene belief: plain variational Bayes, displaced labels, what it predicts, and whom it asks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma, softmax

import altheory as al

KEY = jax.random.key(0)
ITEMS, LABELERS, C = 7, 3, 3
MENU = al.menu(al.product(jnp.arange(ITEMS), LABELERS))
learn = jax.jit(
    lambda belief, rows, y: jax.lax.scan(lambda b, x: (b.update(MENU[x[0]], x[1]), None), belief, (rows, y))[0]
)


def some(seed, size):
    rng = np.random.default_rng(seed)
    return rng.integers(0, ITEMS * LABELERS, size), rng.integers(0, C, size)


def expected_log(a):
    return digamma(a) - digamma(a.sum(-1, keepdims=True))


def slow(rows, y, sweeps, *, error, strength):
    """Mean field by loops, with `sweeps` passes after each label."""
    prior = strength * np.where(np.eye(C) > 0, 1 - error, error / (C - 1))
    errors, shares, q = np.stack([prior] * LABELERS), np.ones(C), np.full((ITEMS, C), 1 / C)
    for t in range(len(rows)):
        seen = [(r % ITEMS, r // ITEMS, c) for r, c in zip(rows[: t + 1], y[: t + 1], strict=True)]
        for _ in range(sweeps):
            logs = np.tile(expected_log(shares), (ITEMS, 1))
            for i, w, c in seen:
                logs[i] += expected_log(errors[w])[:, c]
            q = softmax(logs, -1)
            errors, shares = np.stack([prior] * LABELERS), np.ones(C)
            for i, w, c in seen:
                errors[w][:, c] += q[i]
            shares = shares + q[sorted({i for i, _, _ in seen})].sum(0)
    return q, errors, shares


@pytest.mark.parametrize("sweeps", [1, 3])
def test_it_is_variational_bayes(sweeps):
    rows, y = some(1, 14)
    found = learn(al.crowd(ITEMS, LABELERS, C, error=0.2, strength=3.0, capacity=16, steps=sweeps), rows, y)
    q, errors, shares = slow(rows, y, sweeps, error=0.2, strength=3.0)
    np.testing.assert_allclose(found.posterior, q, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found.errors, errors, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found.shares, shares, rtol=1e-3, atol=1e-5)


def test_a_displaced_label_stays_credited():
    """Every label counts once, in its column, and what was displaced still speaks for its item."""
    rows, y = some(2, 40)
    prior = al.crowd(ITEMS, LABELERS, C, capacity=5)
    found = learn(prior, rows, y)
    added = np.asarray(found.errors - prior.errors).sum(1)
    expected = np.zeros((LABELERS, C))
    np.add.at(expected, (rows // ITEMS, y), 1)
    np.testing.assert_allclose(added, expected, rtol=1e-4, atol=1e-4)
    first = rows[0] % ITEMS
    alone = learn(prior, np.repeat(rows[:1], 40), np.repeat(y[:1], 40))
    assert alone.posterior[first, y[0]] > 0.99


def test_the_law_of_a_label_is_the_item_through_the_labeler():
    """The mean of 4,000 draws against posterior times confusion (normal bound at alpha = 1e-6)."""
    belief = learn(al.crowd(ITEMS, LABELERS, C, capacity=16), *some(3, 14))
    drawn = np.asarray(jax.jit(al.Crowd.predictive, static_argnums=3)(belief, MENU, KEY, 4_000))
    exact = np.einsum("kc,kcl->kl", belief.probs(MENU), belief.channel(MENU))
    error = np.abs(drawn.mean(0) - exact) / (drawn.std(0) / np.sqrt(len(drawn)))
    assert error.max() < stats.norm.isf(1e-6 / 2 / error.size)
    np.testing.assert_allclose(drawn.sum(-1), 1, rtol=1e-4)


def recorded(seed, items, good, poor):
    """A full table of two classes: labelers right nine times in ten, and labelers who guess."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, items)
    accuracy = rng.permutation([0.9] * good + [0.5] * poor)
    right = rng.random((items, good + poor)) < accuracy
    return al.triples(np.where(right, truth[:, None], 1 - truth[:, None])), truth, accuracy


def test_whom_to_ask_about_what_beats_asking_at_random():
    """Accuracy after 220 labels, paired over 20 seeds (t-test, alpha = 1e-6); most questions go to those who know."""
    labels, truth, accuracy = recorded(0, 60, 4, 4)
    pool = al.ReplayPool(labels, y=truth)
    belief = al.crowd(60, 8, capacity=220)
    policies = {
        "asks": al.Argmax(belief, al.per_dollar(al.score(al.bald_score, draws=16))),
        "random": al.random(belief),
    }
    result = al.study(policies, pool, KEY, horizon=220, seeds=20, record=(al.accuracy, al.item))
    result.raise_for_status()
    last = result.data["accuracy"].isel(round=-1).values
    assert stats.ttest_rel(last[0], last[1], alternative="greater").pvalue < 1e-6
    rows = result.data["item"].sel(policy="asks").values[:, 50:]
    assert (accuracy[np.asarray(pool.labeler)[rows]] > 0.8).mean() > 0.6


def test_a_dearer_labeler_of_the_same_skill_is_asked_later():
    labels, truth, _ = recorded(1, 12, 2, 0)
    pool = al.ReplayPool(labels, y=truth, price=[1.0, 3.0])
    policy = al.Budgeted(al.Argmax(al.crowd(12, 2, error=0.1, capacity=24), al.per_dollar(al.bald_score)), 12.0)
    _, trace = al.simulate(policy, pool, KEY, horizon=14, record=(al.cost,))
    asked = np.asarray(trace.item)[np.asarray(trace.item) >= 0]
    assert (np.asarray(pool.labeler)[asked] == 0).mean() > 0.7
    assert float(trace["cost"].sum()) <= 12


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: al.crowd(3, 0), ValueError, "crowd labelers must be a whole number of at least 1; it is 0"),
        (lambda: al.crowd(3, 2, error=0.0), ValueError, r"crowd error must lie in \[1e-06, 0.999999\]; it has 0"),
        (lambda: al.crowd(3, 2, error=[0.1] * 3), ValueError, "crowd error must have one entry for each of the 2"),
        (
            lambda: al.crowd(3, 2).probs(al.menu(np.ones((4, 2)))),
            TypeError,
            r"Crowd\.probs needs a menu of items x labelers",
        ),
        (
            lambda: al.simulate(al.random(al.crowd(3, 2)), al.LabelPool(np.eye(4), [0, 1, 0, 1]), KEY, horizon=1),
            ValueError,
            "the belief knows 2 labelers and the menu offers 1",
        ),
        (
            lambda: al.simulate(al.random(al.crowd(3, 2)), al.BernoulliBandit([0.1, 0.2, 0.3]), KEY, horizon=1),
            ValueError,
            "the belief is about items x labelers and the menu offers no such rows",
        ),
    ],
)
def test_what_it_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make()
