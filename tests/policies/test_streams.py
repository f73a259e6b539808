"""Stream policies, replayed round by round in plain numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import altheory as al

N, ROUNDS, ALPHA = 12, 400, 1e-6
RNG = np.random.default_rng(0)
TABLE = (np.arange(N) >= np.arange(N + 1)[:, None]).astype(int)
TRUTH = TABLE[4]
MASS = RNG.dirichlet(np.full(N, 2.0))
FLIP = np.where(np.arange(N) == 9, 0.8, 0.15)
X = np.c_[np.arange(N) - 3.5, np.ones(N)] / 6
CLEAN = al.LabelStream(X, TRUTH, mass=MASS)
NOISY = al.LabelStream(X, TRUTH, mass=MASS, flip=FLIP)


def offered(r):
    return r.world.item


def answered(r):
    return r.outcome.y


def run(policy, oracle, horizon=ROUNDS, key=0):
    """The final state, and of every round: item, label, whether it was asked for, and with what chance."""
    record = (offered, answered, al.labels, al.propensity)
    state, trace = al.simulate(policy, oracle, jax.random.key(key), horizon=horizon, record=record)
    assert int(trace.status) == 0
    assert not trace.stopped.any()
    item, y, asked, prob = (np.asarray(trace[m.__name__]) for m in record)
    return state, list(zip(item, y, asked == 1, prob, strict=True))


def test_cal_asks_just_where_the_version_space_disagrees():
    state, rounds = run(al.cal(TABLE), CLEAN)
    alive = np.ones(N + 1, bool)
    for item, y, asked, prob in rounds:
        contested = len(set(TABLE[alive, item])) > 1
        assert asked == contested == prob
        alive &= TABLE[:, item] == y
    np.testing.assert_array_equal(state.belief.alive, alive)
    assert 0 < sum(r[2] for r in rounds) < 15


def test_the_selective_perceptron():
    state, rounds = run(al.selective_perceptron(2, b=0.3), NOISY)
    w, asks = np.zeros(2), 0
    for item, y, asked, prob in rounds:
        assert prob == pytest.approx(0.3 / (0.3 + abs(w @ X[item])), rel=1e-3)
        sign = 2 * y - 1
        if asked and sign * (w @ X[item]) <= 1e-7:
            w = w + sign * X[item]
        asks += asked
    np.testing.assert_allclose(state.belief.weights, w, atol=1e-4)
    chance = np.array([r[3] for r in rounds], np.float64)
    assert abs(asks - chance.sum()) < stats.norm.isf(ALPHA / 2) * np.sqrt((chance * (1 - chance)).sum())


def test_a_margin_stream_keeps_its_rate_and_asks_the_narrow():
    state, rounds = run(al.margin_stream(al.finite(TABLE, noise=0.2), rate=0.3, step=0.05), NOISY)
    log, threshold, error = np.zeros(N + 1), -1.0, MASS @ FLIP
    for item, y, asked, prob in rounds:
        weights = np.exp(log - log.max()) / np.exp(log - log.max()).sum()
        one = weights @ TABLE[:, item]
        score = -abs(2 * one - 1)
        if abs(score - threshold) > 1e-4:
            assert asked == (score > threshold) == prob
        if asked:
            log += np.where(TABLE[:, item] == y, np.log(1 - error), np.log(error))
        threshold += 0.05 * (asked - 0.3)
    assert float(state.threshold) == pytest.approx(threshold, abs=1e-3)
    assert abs(sum(r[2] for r in rounds) - 0.3 * ROUNDS) <= 1 / 0.05 + 1


LOSS = np.array([[0.0, 0.9], [0.4, 0.1]])


@pytest.mark.parametrize("loss", [None, LOSS])
def test_iwal_weighs_losses_by_the_chance_it_states(loss):
    state, rounds = run(al.IWAL(al.finite(TABLE), delta=0.1, least=0.2, loss=loss), NOISY, horizon=3000, key=1)
    table = 1 - np.eye(2) if loss is None else loss
    alive, total = np.ones(N + 1, bool), np.zeros(N + 1)
    for t, (item, y, asked, prob) in enumerate(rounds, start=1):
        each = table[TABLE[alive, item]]
        assert prob == pytest.approx(max(0.2, (each.max(0) - each.min(0)).max()), abs=1e-6)
        total += asked / prob * table[TABLE[:, item], y]
        slack = np.sqrt(2 / t * np.log((N + 1) ** 2 * t * (t + 1) / 0.1))
        gap = total / t - (total / t)[alive].min() - slack
        assert np.abs(gap[alive]).min() > 1e-7, "a tie that float32 may break either way: take another key"
        alive &= gap <= 0
    np.testing.assert_allclose(state.risk, total / len(rounds), rtol=1e-4)
    np.testing.assert_array_equal(state.belief.alive, alive)
    assert alive.sum() < N + 1


def test_iwals_risk_is_unbiased_for_every_hypothesis_and_equals_the_kernels():
    """The mean over 4000 runs of 25 items, against the exact risk (alpha = 1e-6 over all hypotheses)."""
    runs, record = 4000, (offered, answered, al.labels, al.propensity)
    policy = al.IWAL(al.finite(TABLE), least=0.25, loss=LOSS * 0.6)

    def one(key):
        state, trace = al.simulate(policy, NOISY, key, horizon=25, record=record)
        return state.risk, {m.__name__: trace[m.__name__] for m in record}

    risk, seen = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(5), runs))
    risk, seen = np.asarray(risk, np.float64), {k: np.asarray(v) for k, v in seen.items()}
    law = np.stack([np.where(TRUTH == 1, FLIP, 1 - FLIP), np.where(TRUTH == 1, 1 - FLIP, FLIP)], 1)
    exact = np.einsum("n,nc,hnc->h", MASS, law, 0.6 * LOSS[TABLE])
    z = (risk.mean(0) - exact) / (risk.std(0, ddof=1) / np.sqrt(runs))
    assert np.abs(z).max() < stats.norm.isf(ALPHA / (2 * len(exact)))
    assert seen["labels"].mean() < 0.9
    losses = 0.6 * LOSS[TABLE[:, seen["offered"][0]], seen["answered"][0]]
    shape = losses.shape
    kernel = al.importance_weighted_risk(
        losses, np.broadcast_to(seen["propensity"][0], shape), np.broadcast_to(seen["labels"][0], shape)
    )
    np.testing.assert_allclose(risk[0], kernel, rtol=1e-4)


def test_a2_eliminates_on_the_region_of_disagreement():
    state, rounds = run(al.A2(al.finite(TABLE), MASS, delta=0.2), NOISY, horizon=6000)
    alive, k, errors, bought, ended = np.ones(N + 1, bool), 1, np.zeros(N + 1), 0, 0
    law = np.float32(MASS)
    for item, y, asked, _ in rounds:
        region = TABLE[alive].min(0) < TABLE[alive].max(0)
        mass = law[region].sum()
        planned = np.ceil(2 * mass**2 * 4.0**k * np.log(2 * (N + 1) * k * (k + 1) / 0.2))
        assert asked == region[item]
        errors += asked * (TABLE[:, item] != y)
        bought += asked
        if asked and bought >= planned:
            gap = mass * (errors - errors[alive].min()) / bought
            alive &= gap <= 2.0**-k
            k, errors, bought, ended = k + 1, np.zeros(N + 1), 0, ended + 1
    assert ended >= 3
    assert int(state.number) == k
    np.testing.assert_array_equal(state.belief.alive, alive)
    assert alive.sum() < N


@pytest.mark.parametrize("size", [2, 11])
def test_binary_search_by_membership_queries_takes_the_logarithm(size):
    """A pool that holds the whole space of instances: every threshold is found in at most ceil(log2 N) queries."""
    table = (np.arange(size - 1) >= np.arange(size)[:, None]).astype(int)
    policy = al.Until(al.gbs(table), al.below(0.0))
    pool = al.LabelPool(np.arange(size - 1.0)[:, None], table[0], classes=2)

    def one(truth, key):
        state, trace = al.simulate(policy, pool.replace(y=truth), key, horizon=size, record=(al.labels,))
        return state.belief.alive, trace["labels"].sum()

    keys = jax.random.split(jax.random.key(0), size)
    alive, asked = jax.jit(jax.vmap(one))(jnp.asarray(table, jnp.int32), keys)
    np.testing.assert_array_equal(alive, np.eye(size, dtype=bool))
    assert int(asked.max()) == np.ceil(np.log2(size))


def on_a_side(key):
    x = jax.random.normal(key, (2,))
    return x, (x[0] - 0.3 * x[1] > 0).astype(jnp.int32)


def test_queries_made_up_on_the_fly_halve_a_class_of_halfspaces():
    """Of 40 fresh points one nearly halves the version space; the only point of a stream seldom does."""
    angle = np.linspace(0, 2 * np.pi, 150, endpoint=False)
    belief = al.halfspaces(np.c_[np.cos(angle), np.sin(angle)])
    left = {}
    for rows in (40, 1):
        oracle = al.SampledStream(on_a_side, rows=rows)
        keys = jax.random.split(jax.random.key(2), 20)
        state = jax.jit(jax.vmap(lambda k, o=oracle: al.simulate(al.gbs(belief), o, k, horizon=6)[0]))(keys)
        left[rows] = np.exp(np.asarray(state.belief.log_evidence)).mean()
        assert (np.asarray(state.belief.conflicts) == 0).all()
    assert 2.0**-6 <= left[40] < 0.56**6
    assert left[1] > 3 * left[40]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: al.QueryRate(al.finite(TABLE), al.margin_score, rate=1.5), r"rate must lie in \[0, 1\]"),
        (lambda: al.QueryRate(al.finite(TABLE), al.margin_score, step=0.0), "step must be above 0"),
        (lambda: al.IWAL(al.logistic(2)), "IWAL needs a belief over a finite class"),
        (lambda: al.IWAL(al.finite(TABLE), delta=0.0), "delta must lie between 0 and 1"),
        (lambda: al.IWAL(al.finite(TABLE), least=0.0), "least must be above 0"),
        (lambda: al.IWAL(al.finite(TABLE), loss=np.ones((3, 2))), r"must be a \[2, 2\] table"),
        (lambda: al.A2(al.halfspaces(np.ones((2, 2))), MASS), "needs a table"),
        (lambda: al.A2(al.finite(TABLE), MASS[:3]), "one entry for each of the 12 items"),
        (lambda: al.A2(al.finite(TABLE), 0 * MASS), "must have some mass"),
        (lambda: al.A2(al.finite(TABLE), MASS, delta=1.0), "delta must lie between 0 and 1"),
        (lambda: al.perceptron(0), "at least 1"),
    ],
)
def test_bad_input_is_one_sentence(make, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        make()
