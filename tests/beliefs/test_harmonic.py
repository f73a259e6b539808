"""Harmonic functions against dense algebra, and the risk of every next label against fitting again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import altheory as al

N, C = 9, 3
PRIOR = 1e-3


@jax.jit
def clamp(belief, items, labels):
    def one(b, seen):
        return b.update(al.Menu(seen[0], jnp.float32(1), jnp.float32(0), jnp.bool_(True)), seen[1]), None

    return jax.lax.scan(one, belief, (items, labels))[0]


@jax.jit
def look(belief, menu):
    return belief.probs(menu), belief.std(menu), belief.risk(), belief.risk_after(menu)


def graph(seed):
    rng = np.random.default_rng(seed)
    weights = np.where(rng.random((N, N)) < 0.5, rng.exponential(size=(N, N)), 0)
    weights = np.triu(weights, 1) + np.diag(np.ones(N - 1), 1)
    return weights + weights.T, rng


def solved(weights, items, labels, prior=PRIOR):
    """The field by one dense solve: the pulled Laplacian on the unlabelled, and the labels as boundary."""
    degree = weights.sum(1)
    pull = prior * degree.mean()
    a = np.diag(degree + pull) - weights
    f = np.zeros((N, C))
    f[items] = np.eye(C)[labels]
    free = np.setdiff1d(np.arange(N), items)
    if free.size:
        f[free] = np.linalg.solve(a[np.ix_(free, free)], pull / C + weights[np.ix_(free, items)] @ f[items])
    return f, np.linalg.inv(a[np.ix_(free, free)]) * degree.mean() if free.size else np.zeros((0, 0)), free


def risk(f):
    return (1 - f.max(1)).sum()


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.integers(1, N - 1))
def test_field_deviation_and_risks_are_those_of_fitting_again(seed, count):
    weights, rng = graph(seed)
    items, labels = rng.permutation(N)[:count], rng.integers(0, C, count)
    padded = [np.r_[v, np.repeat(v[-1], N - count)] for v in (items, labels)]
    belief, menu = clamp(al.harmonic(weights, C), *padded), al.menu(jnp.arange(N))
    probs, std, now, after = (np.asarray(v, np.float64) for v in look(belief, menu))
    f, cov, free = solved(weights, items, labels)
    np.testing.assert_allclose(probs, f, atol=2e-4)
    np.testing.assert_allclose(std[free], np.sqrt(np.diag(cov)), rtol=2e-3)
    assert (std[items] == 0).all()
    assert now == pytest.approx(risk(f), abs=1e-3)
    for k in range(N):
        known = k in items
        expected = risk(f) if known else sum(
            f[k, y] * risk(solved(weights, np.r_[items, k], np.r_[labels, y])[0]) for y in range(C)
        )  # fmt: skip
        assert after[k] == pytest.approx(expected, abs=2e-3)


def test_a_small_pull_gives_zhus_harmonic_function():
    """Two labels at the ends of a path: the field falls linearly between them."""
    path = np.diag(np.ones(N - 1), 1)
    belief = clamp(al.harmonic(path + path.T, 2, prior=1e-5), np.array([0, N - 1]), np.array([1, 0]))
    np.testing.assert_allclose(belief.probs(al.menu(jnp.arange(N)))[:, 1], np.linspace(1, 0, N), atol=2e-3)


def test_the_next_query_of_a_path_is_where_the_risk_falls_most():
    path = np.diag(np.ones(6), 1)
    belief = clamp(al.harmonic(path + path.T, 2, prior=1e-5), np.array([0, 6]), np.array([1, 0]))
    score = al.risk_reduction_score(belief, al.menu(jnp.arange(7)), None)
    np.testing.assert_allclose(score[:4], 1.5 - np.array([1.5, 1.0, 5 / 6, 2 / 3]), atol=2e-3)
    assert int(jnp.argmax(score)) == 3


def test_a_second_label_of_an_item_and_a_menu_of_labelers_change_nothing():
    weights, _ = graph(1)
    once = clamp(al.harmonic(weights, C), np.array([3, 5]), np.array([0, 2]))
    again = clamp(once, np.array([3, 5]), np.array([1, 1]))
    for one, other in zip(jax.tree.leaves(once), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(one, other)
    rows = al.product(jnp.zeros((N, 1)), 2)
    menu = al.Menu(rows, jnp.ones(2 * N), jnp.zeros(2 * N), jnp.ones(2 * N, bool))
    double = np.asarray(once.risk_after(menu))
    np.testing.assert_array_equal(double[:N], double[N:])
    np.testing.assert_allclose(double[:N], once.risk_after(al.menu(jnp.arange(N))), rtol=1e-5)


def test_gaussian_graph_is_its_formula():
    x = np.random.default_rng(2).normal(size=(7, 3))
    squared = ((x[:, None] - x) ** 2).sum(-1)
    full = np.exp(-squared / (2 * 0.8**2)) - np.eye(7)
    np.testing.assert_allclose(al.gaussian_graph(x, scale=0.8), full, atol=1e-12)
    near = squared + np.where(np.eye(7) > 0, np.inf, 0)
    kept = near <= np.sort(near, 1)[:, 1:2]
    np.testing.assert_allclose(
        al.gaussian_graph(x, scale=0.8, neighbours=2), np.where(kept | kept.T, full, 0), atol=1e-12
    )
    median = np.sqrt(np.median(near.min(1)))
    np.testing.assert_allclose(al.gaussian_graph(x), np.exp(-squared / (2 * median**2)) - np.eye(7), atol=1e-9)
    assert np.isfinite(al.gaussian_graph(np.ones((3, 2)))).all()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: al.harmonic(np.ones((2, 3))), "square, symmetric"),
        (lambda: al.harmonic(np.array([[0, 1.0], [2.0, 0]])), "square, symmetric"),
        (lambda: al.harmonic(-np.ones((2, 2))), "at least 0"),
        (lambda: al.harmonic(np.eye(3)), "must join some two items"),
        (lambda: al.harmonic(np.ones((2, 2)), prior=0.0), "above 0"),
        (lambda: al.gaussian_graph(np.ones((1, 2))), "number of items"),
        (lambda: al.gaussian_graph(np.ones((3, 2)), scale=0.0), "above 0"),
    ],
)
def test_bad_input_is_one_sentence(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
