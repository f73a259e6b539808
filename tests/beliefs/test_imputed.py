"""Items with missing features: completions, what an option tells, and what is bought first."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al

learn = jax.jit(lambda belief, row, y: belief.update(row, y))
OPTIONS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], bool)
rng = np.random.default_rng(0)
MIX = np.array([[1.0, 0.6, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 1.0]])
X = rng.normal(size=(80, 3)) @ MIX + [1.0, -1.0, 0.5]


def hidden(share=0.4, seed=1):
    gone = np.random.default_rng(seed).random(X.shape) < share
    gone[:5] = False
    return np.where(gone, np.nan, X)


def test_the_normal_of_complete_rows_is_theirs_and_of_incomplete_ones_has_the_highest_likelihood():
    mean, cov = al.beliefs.fit_normal(X, ridge=0.0)
    np.testing.assert_allclose(mean, X.mean(0))
    np.testing.assert_allclose(cov, np.cov(X.T, bias=True), rtol=1e-9)
    part = hidden()

    def log_likelihood(mean, cov):
        total = 0.0
        for row in part:
            k = ~np.isnan(row)
            if k.any():
                s, gap = cov[np.ix_(k, k)], row[k] - mean[k]
                total -= (np.linalg.slogdet(s)[1] + gap @ np.linalg.solve(s, gap)) / 2
        return total

    fits = [al.beliefs.fit_normal(part, iterations=n, ridge=0.0) for n in (1, 2, 5, 20, 200)]
    found = [log_likelihood(*fit) for fit in fits]
    assert (np.diff(found) > -1e-9).all()
    mean, cov = fits[-1]
    for other in range(20):
        step = 1e-2 * np.random.default_rng(other).normal(size=12)
        assert log_likelihood(mean + step[:3], cov + np.diag(np.abs(step[3:6]))) < found[-1] + 1e-6


def test_completions_have_the_conditional_law_and_keep_what_is_known():
    belief = al.imputed(al.logistic(3), hidden(), OPTIONS)
    made = belief._completions(belief.x, belief.known, jax.random.key(0), 20_000)
    i = int(np.flatnonzero((np.asarray(belief.known) == [True, False, False]).all(1))[0])
    np.testing.assert_allclose(made[:, i, 0], X[i, 0], rtol=1e-5)
    m, s = np.asarray(belief.centre, float), np.asarray(belief.covariance, float)
    slope = s[1:, 0] / s[0, 0]
    want, left = m[1:] + slope * (X[i, 0] - m[0]), s[1:, 1:] - np.outer(slope, s[0, 1:])
    got = np.asarray(made[:, i, 1:])
    np.testing.assert_allclose(got.mean(0), want, atol=5 * np.sqrt(np.diag(left).max() / 20_000))
    np.testing.assert_allclose(np.cov(got.T), left, atol=0.06 * np.diag(left).max())


def taught(belief, size=12):
    for i in range(size):
        row = al.Menu(al.product(jnp.arange(80), 4), jnp.ones(320), jnp.zeros(320), jnp.ones(320, bool))[i]
        belief = learn(belief, row, jnp.int32(X[i, 0] > 1))
    return belief


def test_where_nothing_is_missing_every_option_is_bald():
    belief = taught(al.imputed(al.logistic(3), X, OPTIONS))
    menu = al.menu(al.product(jnp.arange(80, dtype=jnp.int32), 4), price=jnp.ones(320))
    ours = jax.jit(al.partial_bald_score)(belief, menu, jax.random.key(3))
    plain = al.bald_score(belief.base, al.menu(jnp.asarray(X, jnp.float32)), jax.random.split(jax.random.key(3), 3)[0])
    np.testing.assert_allclose(ours.reshape(4, 80), np.tile(plain, (4, 1)), atol=2e-5)


def test_the_kernel_is_bald_of_the_average_over_what_stays_unknown():
    p = rng.dirichlet(np.ones(3), (6, 4, 5, 7))
    p = p.reshape(6, 4, 5, 7, 3)
    slow = np.mean([np.asarray(al.bald(p[:, o].mean(1))) for o in range(4)], 0)
    np.testing.assert_allclose(al.partial_bald(p), slow, rtol=1e-5)
    np.testing.assert_allclose(al.partial_bald(p[:, :1, :1]), al.bald(p[:, 0, 0]), rtol=1e-5)
    assert (al.partial_bald(p) >= 0).all()
    finer = al.partial_bald(p.reshape(6, 20, 1, 7, 3))
    assert (finer >= al.partial_bald(p) - 1e-6).all()
    with pytest.raises(ValueError, match="draws, outer, inner, items, classes"):
        al.partial_bald(p[0])


def pool_and_policy(score, *, seed, depends=1, price=(0.3, 0.3, 0.3)):
    """Labels depend on one feature, which is hidden in half of the items, as another is that does not matter."""
    gen = np.random.default_rng(seed)
    x = gen.normal(size=(120, 3))
    y = (x[:, depends] + 0.1 * gen.normal(size=120) > 0).astype(int)
    known = np.ones_like(x, bool)
    known[20:90, :2] = False
    held_out = np.arange(120) >= 90
    pool = al.MissingPool(x, y, known, OPTIONS, feature_price=np.array(price), label_price=1.0, held_out=held_out)
    start = al.imputed(al.logistic(3, prior=0.3, capacity=80), np.where(known, x, np.nan), OPTIONS)
    menu = pool.offer(pool.init(jax.random.key(0)))
    for i in range(12):
        start = learn(start, menu[i], jnp.int32(y[i]))
    return pool, al.Argmax(start, score)


def test_the_feature_that_matters_is_bought():
    """Among incomplete items it buys the option with the feature the label depends on, and not the useless one."""
    pool, policy = pool_and_policy(al.per_dollar(al.score(al.partial_bald_score, draws=16)), seed=0)
    study = al.study({"p": policy}, pool, jax.random.key(0), horizon=12, seeds=12, record=(al.item, al.cost))
    option, item = np.divmod(study.data["item"].values.ravel().astype(int), 120)
    incomplete = (item >= 20) & (item < 90)
    with_it = OPTIONS[option[incomplete], 1]
    assert len(with_it) > 40
    assert np.mean(with_it) > 0.8  # a rule blind to features: 0.5


def test_equal_prices_leave_the_order_and_the_belief_learns_features():
    pool, policy = pool_and_policy(al.partial_bald_score, seed=1)
    state, menu = policy.init(jax.random.key(0)), pool.offer(pool.init(jax.random.key(0)))
    gain = jax.jit(al.partial_bald_score)(state.belief, menu, jax.random.key(5))
    flat = menu.replace(price=jnp.full_like(menu.price, 2.0))
    rate = jax.jit(al.per_dollar(al.partial_bald_score))(state.belief, flat, jax.random.key(5))
    np.testing.assert_allclose(rate, gain / 2, rtol=1e-6)
    state, trace = al.simulate(policy, pool, jax.random.key(0), horizon=30, record=(al.accuracy, al.cost, al.item))
    option, item = np.divmod(np.asarray(trace.metrics["item"]).astype(int), 120)
    for o, i in zip(option, item, strict=True):
        assert (np.asarray(state.belief.known)[i] >= OPTIONS[o]).all()
        np.testing.assert_allclose(state.belief.x[i][OPTIONS[o]], pool.x[i][OPTIONS[o]])
    fresh = (OPTIONS[option] & ~np.asarray(pool.known)[item]).sum(1)
    np.testing.assert_allclose(trace.metrics["cost"], 1 + 0.3 * fresh, rtol=1e-6)
    assert trace.metrics["accuracy"][-1] > 0.85
    with pytest.raises(ValueError, match="options \\[S, d\\]"):
        al.imputed(al.logistic(3), X, [True, False])
    with pytest.raises(ValueError, match="each feature known for some row"):
        al.imputed(al.logistic(3), np.where(np.arange(3) == 1, np.nan, X), OPTIONS)
