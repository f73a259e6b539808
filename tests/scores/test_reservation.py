"""Reservation values: closed forms, references by quadrature, extreme prices, derivatives, refusals."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import altheory as al

PRICES = np.geomspace(1e-4, 6, 7)
LAWS = {
    "gaussian": (lambda: al.GaussianPrize(1.0, 2.0), stats.norm(1, 2)),
    "uniform": (lambda: al.UniformPrize(-1.0, 2.0), stats.uniform(-1, 3)),
    "exponential": (lambda: al.ExponentialPrize(2.0, -1.0), stats.expon(-1, 2)),
    "lognormal": (lambda: al.LogNormalPrize(0.3, 0.8), stats.lognorm(0.8, scale=math.exp(0.3))),
    "beta": (lambda: al.BetaPrize(2.0, 0.5, -1.0, 3.0), stats.beta(2, 0.5, -1, 4)),
    "student": (lambda: al.StudentPrize(3.5, 1.0, 0.5), stats.t(3.5, 1, 0.5)),
}


@pytest.fixture
def doubles():
    with jax.enable_x64(True):
        yield


NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)


def by_quadrature(law, k):
    """Expected excess over k: the integral of the upper tail, piece by piece between its quantiles."""
    low, high = law.support()
    if k < low:
        return law.mean() - k
    cuts = np.unique(
        np.clip([k, *law.isf(np.geomspace(1e-60, 0.5, 140)), *law.ppf(np.geomspace(1e-12, 0.4, 40))], k, high)
    )
    half = np.diff(cuts)[:, None] / 2
    return (law.sf(cuts[:-1, None] + half * (NODES + 1)) * half * WEIGHTS).sum()


@pytest.mark.parametrize("name", LAWS)
def test_the_root_has_the_price_for_excess(name, doubles):
    make, law = LAWS[name]
    k = np.asarray(al.reservation_value(make(), PRICES))
    wrong = [abs(by_quadrature(law, x) - c) / law.sf(x) for x, c in zip(k, PRICES, strict=True)]
    assert max(wrong) < 1e-10 * (1 + np.abs(k).max())
    np.testing.assert_allclose(al.expected_excess(make(), k), PRICES, rtol=1e-11)
    np.testing.assert_allclose(make().mean(), law.mean(), rtol=1e-12)
    np.testing.assert_allclose(make().variance(), law.var(), rtol=1e-12)


@pytest.mark.parametrize("name", [*LAWS, "mixture"])
def test_slope_in_price_is_minus_one_over_the_tail(name, doubles):
    prize = mixture() if name == "mixture" else LAWS[name][0]()
    k, slope = jax.jit(jax.vmap(jax.value_and_grad(lambda c: al.reservation_value(prize, c))))(jnp.asarray(PRICES))
    np.testing.assert_allclose(slope, -1 / prize.tail(k), rtol=1e-9)


def test_closed_forms(doubles):
    np.testing.assert_allclose(
        al.reservation_value(al.BernoulliPrize(0.5), [0.1, 0.5, 2.0]), [0.8, 0, -1.5], atol=1e-15
    )
    np.testing.assert_allclose(al.reservation_value(al.UniformPrize(), [0.02, 0.5, 1.0]), [0.8, 0, -0.5], atol=1e-15)
    np.testing.assert_allclose(al.reservation_value(al.ExponentialPrize(), 0.1), math.log(10), rtol=1e-15)
    atoms = al.DiscretePrize([1.0, 2, 5, 5], [0.2, 0.3, 0.4, 0.1])
    np.testing.assert_allclose(al.reservation_value(atoms, [0.0, 0.5, 1.5, 3.0]), [5, 4, 2, 0.3], atol=1e-14)
    assert al.reservation_value(al.GaussianPrize(2.0, 0.0), 0.5) == 1.5
    # h(0) = 1/sqrt(2 pi): at that price the index is the mean.
    assert abs(al.reservation_value(al.GaussianPrize(2.0, 1.0), 1 / math.sqrt(2 * math.pi)) - 2) < 1e-14
    # By the definition, from a table of the normal law: h(-1) = phi(1) - Phi(-1).
    assert abs(al.reservation_value(al.GaussianPrize(), stats.norm.pdf(1) - stats.norm.sf(1)) - 1) < 1e-13


def mixture(weight=0.3):
    weights = jnp.stack([jnp.asarray(weight), 1 - jnp.asarray(weight)])
    return al.MixturePrize(weights, (al.GaussianPrize(), al.BernoulliPrize(0.2, 3.0)))


def test_a_mixture_lies_between_its_parts_and_has_a_derivative_in_its_weights(doubles):
    k = np.asarray(al.reservation_value(mixture(), PRICES))
    each = np.stack([al.reservation_value(p, PRICES) for p in mixture().parts])
    assert (k >= each.min(0) - 1e-12).all()
    assert (k <= each.max(0) + 1e-12).all()
    np.testing.assert_allclose(al.expected_excess(mixture(), k), PRICES, rtol=1e-11)
    slope = jax.grad(lambda w: al.reservation_value(mixture(w), 0.1))(0.3)
    steps = [float(al.reservation_value(mixture(w), 0.1)) for w in (0.3 - 1e-5, 0.3 + 1e-5)]
    np.testing.assert_allclose(slope, np.diff(steps)[0] / 2e-5, rtol=1e-6)


def test_gaussian_derivatives_at_any_scale(doubles):
    """In the mean 1, in the scale phi/Phi, in the price -1/Phi: also where both underflow."""
    turn = jax.jit(
        jax.vmap(jax.grad(lambda m, s, c: al.reservation_value(al.GaussianPrize(m, s), c), argnums=(0, 1, 2)))
    )
    s, c = np.array([1.0, 1e-8, 1e8, 1.0, 1.0]), np.array([0.1, 3.0, 1e-250, 1e-300, 50.0])
    mean, scale, price = turn(jnp.zeros(5), jnp.asarray(s), jnp.asarray(c))
    z = -np.asarray(al.reservation_value(al.GaussianPrize(np.zeros(5), s), c)) / s
    np.testing.assert_allclose(mean, 1)
    np.testing.assert_allclose(scale, np.exp(stats.norm.logpdf(z) - stats.norm.logcdf(z)), rtol=1e-9)
    np.testing.assert_allclose(price, -np.exp(-stats.norm.logcdf(z)), rtol=1e-9)
    np.testing.assert_allclose(al.GaussianPrize(0.0, s).log_excess(-z * s), np.log(c), rtol=1e-12)


@pytest.mark.parametrize("name", [*LAWS, "mixture"])
@pytest.mark.parametrize("wide", [False, True])
def test_extreme_prices(name, wide):
    with jax.enable_x64(wide):
        prize = mixture() if name == "mixture" else LAWS[name][0]()
        top = {"uniform": 2.0, "beta": 3.0}.get(name, np.inf)
        k = np.asarray(al.reservation_value(prize, [0.0, 1e-37, 1e-3, 1.0, 1e6, 1e30, np.inf]))
    assert k[0] == top
    assert k[-1] == -np.inf
    assert np.isfinite(k[1:-1]).all()
    assert (np.diff(k) <= 0).all()


values = st.lists(st.integers(-5, 9), min_size=1, max_size=5)


@given(values, st.integers(0, 2**31), st.floats(1e-3, 20), st.floats(-5, 5), st.floats(0.1, 10))
def test_discrete_laws(v, seed, price, shift, scale):
    """Root, order, translation, scaling, and a spread of the same mean never has the lower index."""
    v = np.array([*v, v[0]], float)
    p = np.random.default_rng(seed).dirichlet(np.ones(len(v)))
    with jax.enable_x64(True):
        index = jax.jit(lambda v, p, c: al.reservation_value(al.DiscretePrize(v, p), c))
        k = float(index(v, p, price))
        assert abs((p * np.maximum(v - k, 0)).sum() - price) < 1e-9
        assert float(index(v, p, 1.1 * price)) < k
        assert abs(float(index(v + shift, p, price)) - k - shift) < 1e-9
        assert abs(float(index(scale * v, p, scale * price)) - scale * k) < 1e-8
        wider = float(index(np.r_[v - 1, v + 1], np.r_[p, p] / 2, price))
        assert wider >= k - 1e-12
        assert p @ v - price - 1e-9 <= k <= v.max()
        np.testing.assert_allclose(index(v[::-1], p[::-1], price), k)


def test_many_boxes_at_once_are_each_alone_and_samples_are_atoms():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(4, 9)).astype(np.float32)
    k = al.reservation_value(al.SamplePrize(draws), 0.2)
    each = [al.reservation_value(al.DiscretePrize(d, np.full(9, 1 / 9)), 0.2) for d in draws]
    np.testing.assert_allclose(k, each, rtol=1e-5)
    loc, scale, price = rng.normal(size=5), rng.exponential(size=5), rng.exponential(size=5)
    k = al.reservation_value(al.GaussianPrize(loc, scale), price)
    each = [al.reservation_value(al.GaussianPrize(*x[:2]), x[2]) for x in np.c_[loc, scale, price]]
    np.testing.assert_allclose(k, each, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [*LAWS, "mixture", "bernoulli", "discrete", "samples"])
def test_draws_follow_the_law(name):
    others = {
        "mixture": mixture,
        "bernoulli": lambda: al.BernoulliPrize(0.3, 2.0, -1.0),
        "discrete": lambda: al.DiscretePrize([0.0, 1, 4], [0.5, 0.0, 0.5]),
        "samples": lambda: al.SamplePrize([1.0, 2, 6]),
    }
    prize = others[name]() if name in others else LAWS[name][0]()
    n = 4000
    drawn = np.asarray(prize.spread((n,)).sample(jax.random.key(3)))
    for k in (-0.5, 0.4, 1.2, 2.5):
        p = float(prize.tail(jnp.asarray(k)))
        hits = int((drawn > k).sum())
        assert min(stats.binom.cdf(hits, n, p), stats.binom.sf(hits - 1, n, p)) > 1e-6


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="price must be at least 0; it has -1"):
        al.reservation_value(al.UniformPrize(), [1.0, -1.0])
    with pytest.raises(TypeError, match="needs a law of prizes"):
        al.reservation_value(3.0, 1.0)
    with pytest.raises(ValueError, match=r"must add up to 1; some add up to 0\.9"):
        al.DiscretePrize([1.0, 2.0], [0.4, 0.5])
    with pytest.raises(ValueError, match="a weight for each of its 1 parts"):
        al.MixturePrize([0.5, 0.5], (al.UniformPrize(),))
    with pytest.raises(ValueError, match="with less there is no mean"):
        al.StudentPrize(1.0)
    with pytest.raises(TypeError, match="has no derivative in its shape"):
        jax.grad(lambda a: al.reservation_value(al.BetaPrize(a, 2.0), 0.1))(1.0)
