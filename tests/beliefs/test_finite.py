"""The finite belief against Bayes' rule written out in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import altheory as al

H, N, C, ROUNDS = 6, 5, 3, 4
KEY = jax.random.key(0)


@jax.jit
def learn(belief, items, labels, noise, open):
    def one(b, seen):
        item, y, e, o = seen
        return b.update(al.Menu(item, jnp.float32(1), e, o), y), None

    return jax.lax.scan(one, belief, (items, labels, noise, open))[0]


@jax.jit
def say(belief, menu):
    return belief.probs(menu), belief.disagrees(menu), belief.predictive(menu, KEY, 2)


def by_hand(table, prior, own, items, labels, noise, open):
    """Unnormalised masses: prior times likelihood, a label that nothing allows left out."""
    mass, conflicts = prior / prior.sum(), 0
    for item, y, e, o in zip(items, labels, noise, open, strict=True):
        e = e if e > 0 else own
        after = mass * np.where(table[:, item] == y, 1 - e, e / (C - 1))
        if o:
            mass, conflicts = (after, conflicts) if after.sum() > 0 else (mass, conflicts + 1)
    return mass, conflicts


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.0, 0.2, 1.0]), st.booleans())
def test_it_is_bayes_rule(seed, own, quiet):
    rng = np.random.default_rng(seed)
    table, prior = rng.integers(0, C, (H, N)), rng.exponential(size=H) * (rng.random(H) < 0.8)
    prior = prior if prior.sum() > 0 else np.ones(H)
    items, labels = rng.integers(0, N, ROUNDS), rng.integers(0, C, ROUNDS)
    noise = np.where(quiet | (rng.random(ROUNDS) < 0.5), 0, rng.random(ROUNDS)).astype(np.float32)
    open = rng.random(ROUNDS) < 0.8
    belief = learn(al.finite(table, classes=C, prior=prior, noise=own), items, labels, noise, open)
    mass, conflicts = by_hand(table, prior, own, items, labels, noise, open)
    np.testing.assert_allclose(belief.weights, mass / mass.sum(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(belief.mass, mass.sum(), rtol=1e-4)
    assert int(belief.conflicts) == conflicts
    np.testing.assert_array_equal(belief.alive, mass > 0)
    probs, contested, _ = say(belief, al.menu(jnp.arange(N)))
    shares = np.stack([(mass[:, None] * (table == c)).sum(0) for c in range(C)], 1) / mass.sum()
    np.testing.assert_allclose(probs, shares, atol=1e-5)
    left = table[mass > 0]
    np.testing.assert_array_equal(contested, [len(set(column)) > 1 for column in left.T])


def test_without_noise_the_live_hypotheses_are_those_that_agree_with_every_label():
    thresholds = (np.arange(8) >= np.arange(9)[:, None]).astype(int)
    belief = learn(al.finite(thresholds), np.array([2, 6]), np.array([0, 1]), np.zeros(2, np.float32), np.ones(2, bool))
    np.testing.assert_array_equal(np.flatnonzero(belief.alive), [3, 4, 5, 6])
    np.testing.assert_allclose(belief.mass, 4 / 9, rtol=1e-6)
    np.testing.assert_array_equal(np.flatnonzero(belief.disagrees(al.menu(jnp.arange(8)))), [3, 4, 5])


def test_many_noisy_labels_do_not_underflow():
    belief, n = al.finite(np.array([[0, 1], [1, 1], [1, 0]]), noise=0.2), 3000
    belief = learn(belief, np.zeros(n, int), np.arange(n) % 2, np.zeros(n, np.float32), np.ones(n, bool))
    np.testing.assert_allclose(belief.weights, np.full(3, 1 / 3), rtol=1e-2)


def test_draws_are_hypotheses_in_proportion_to_their_mass():
    """One from each of `draws` equal slices: within one of the mass times draws, and right on average."""
    table, prior = np.array([[0, 0, 1], [1, 0, 0], [1, 1, 0], [0, 1, 1]]), np.array([0.05, 0.5, 0.15, 0.3])
    belief, menu = al.finite(table, prior=prior), al.menu(jnp.arange(3))
    drawn = jax.vmap(lambda k: belief.predictive(menu, k, 10))(jax.random.split(KEY, 2000))
    who = (np.asarray(drawn)[..., None, :, 1] == table).all(-1)
    assert (who.sum(-1) == 1).all()
    counts = who.sum(1)
    assert (np.abs(counts - 10 * prior) <= 1 + 1e-6).all()
    np.testing.assert_allclose(counts.mean(0), 10 * prior, atol=5 * 0.5 / np.sqrt(2000))
    one = jax.vmap(lambda k: belief.sample(menu, k))(jax.random.split(KEY, 4000))
    np.testing.assert_allclose(one.mean(0), belief.mean(menu), atol=5 * 0.5 / np.sqrt(4000))


def test_the_dead_are_never_drawn():
    belief = al.finite(np.array([[0], [1], [0]]), prior=[0.0, 1.0, 0.0])
    assert (belief.predictive(al.menu(jnp.arange(1)), KEY, 64)[..., 1] == 1).all()


def test_an_observed_label_passes_through_the_error_rate():
    belief = al.finite(np.array([[0, 1], [2, 1]]), classes=3, noise=0.1)
    law = belief.predictive(al.menu(jnp.arange(2), noise=jnp.array([0.0, 0.4])), KEY, 2)
    np.testing.assert_allclose(law[:, 1], [[0.2, 0.6, 0.2]] * 2, rtol=1e-6)
    np.testing.assert_allclose(law[:, 0], [[0.9, 0.05, 0.05], [0.05, 0.05, 0.9]], rtol=1e-6)


def test_bald_of_as_many_draws_as_equal_hypotheses_is_exact():
    rng = np.random.default_rng(3)
    table = rng.integers(0, 2, (8, 4))
    belief, menu = al.finite(table, noise=0.1), al.menu(jnp.arange(4))
    q = table.mean(0) * 0.8 + 0.1
    exact = -(q * np.log(q) + (1 - q) * np.log(1 - q)) + 0.1 * np.log(0.1) + 0.9 * np.log(0.9)
    np.testing.assert_allclose(al.bald_score(belief, menu, KEY, draws=8), exact, atol=1e-6)


def test_halfspaces_are_a_table_that_is_found_from_features():
    rng = np.random.default_rng(1)
    w, x = rng.normal(size=(7, 3)), rng.normal(size=(6, 3)).astype(np.float32)
    space, table = al.halfspaces(w), al.finite((w @ x.T > 0).astype(int))
    rows = al.product(jnp.asarray(x), 2)
    menu = al.Menu(rows, jnp.ones(12), jnp.zeros(12), jnp.ones(12, bool))
    learned = [b.update(menu[8], 1) for b in (space, table)]
    np.testing.assert_array_equal(*(b.alive for b in learned))
    for one, other in zip(*(say(b, menu) for b in learned), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: al.finite(np.array([[0, 2]])), r"must lie in 0..1; the table has 2"),
        (lambda: al.finite(np.array([[0.5, 1.0]])), "must be a .hypotheses, items. table"),
        (lambda: al.finite(np.zeros((0, 3), int)), "number of hypotheses must be a whole number of at least 1"),
        (lambda: al.finite(np.zeros((2, 3), int), prior=[0.0, 0.0]), "must have some mass"),
        (lambda: al.finite(np.zeros((2, 3), int), prior=[1.0]), "one entry for each of the 2 items"),
        (lambda: al.finite(np.zeros((2, 3), int), noise=1.5), r"must lie in \[0, 1\]"),
        (lambda: al.halfspaces([[np.nan, 1.0]]), "must be finite"),
        (lambda: al.finite(np.zeros((2, 3), int), classes=3).mean(al.menu(jnp.arange(3))), "defined for 2 classes"),
    ],
)
def test_bad_input_is_one_sentence(make, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        make()


def test_a_table_of_the_wrong_length_is_named_before_anything_runs():
    pool = al.LabelPool(np.eye(4), np.arange(4) % 2)
    with pytest.raises(ValueError, match="knows 3 items and the menu offers 4"):
        al.simulate(al.random(al.finite(np.zeros((2, 3), int))), pool, KEY, horizon=1)


@given(st.integers(0, 10_000))
def test_removed_mass_is_the_mean_over_answers_and_never_grows_as_hypotheses_are_ruled_out(seed):
    rng = np.random.default_rng(seed)
    mass, answer = rng.exponential(size=8), rng.integers(0, 3, 8)
    left = rng.random(8) < 0.6
    each = np.array([mass[answer == c].sum() for c in range(3)])
    expected = sum(p / each.sum() * (each.sum() - p) for p in each)
    full, fewer = (
        float(al.removed_mass(np.array([(m * (answer == c)).sum() for c in range(3)]))) for m in (mass, mass * left)
    )
    assert full == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert fewer <= full + 1e-5


def test_removed_mass_of_edge_cases():
    np.testing.assert_allclose(al.removed_mass(np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.5]])), [0, 0, 0.5], atol=1e-7)
    with pytest.raises(ValueError, match="at least 0"):
        al.removed_mass(np.array([0.5, -0.5]))
