"""Set policies: what they buy, what they remember, and that each rule is its kernel."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al
from altheory.core import per_item
from altheory.core.status import CLOSED_ITEM, NAN_SCORE, OK
from altheory.sim.simulate import run

RULES = sorted(name for name in al.policies.__all__ if name.endswith("_rule"))
N, D, C, Q = 24, 3, 3, 4
rng = np.random.default_rng(0)
X = rng.normal(size=(N, D)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
POOL = al.LabelPool(X, Y, [1.0, 2.0], [0.2, 0.0], held_out=0.25)
BELIEF = al.logistic(D, C, capacity=16)
KEY = jax.random.key(0)
OPEN = np.arange(N) % 3 > 0


@al.record
class Fixed:
    """A belief that learns nothing: softmax of the features times known weights."""

    weights: jax.Array

    def update(self, row, y):
        return self

    def probs(self, menu):
        return per_item(lambda x: jax.nn.softmax(x @ self.weights), menu.x)

    def predictive(self, menu, key, draws):
        weights = self.weights + jax.random.normal(key, (draws, *self.weights.shape))
        return per_item(lambda x: jax.nn.softmax(x @ weights), menu.x, axis=1)


FIXED = Fixed(jnp.asarray(rng.normal(size=(D, C)), jnp.float32))


def lean(fn, **options):
    """`jax.jit` that compiles faster, to slower code."""
    return jax.jit(fn, compiler_options={"xla_backend_optimization_level": 0}, **options)


simulate = lean(run, static_argnames=("horizon", "record"))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_buys_each_open_label_once_within_its_budget(rule):
    """36 labels are open, 18 at each price: 40 of money buy some of them, and then the run stops."""
    policy = al.Budgeted(al.SetPolicy(FIXED, getattr(al, rule), Q), 40.0)
    trace = simulate(policy, POOL, KEY, horizon=12, record=(al.cost, al.labels))[1]
    item = np.asarray(trace.item)
    bought = item[item >= 0]
    held_out = np.asarray(POOL.init(al.core.keys.initial_keys(KEY)[1]).held_out)
    assert trace.status == OK
    assert len(set(bought)) == len(bought) == trace["labels"].sum() > 20
    assert not held_out[bought % N].any()
    assert 38 < trace["cost"].sum() <= 40
    assert (trace["labels"][:5] == Q).all()


def chosen(rule, *, open=OPEN, bought=None, belief=BELIEF, q=Q, **hyper):
    """What a policy picks from the pool as a plain menu, after it bought some rows."""
    policy = al.SetPolicy(belief, al.score(rule, **hyper), q)
    state = policy.init(KEY)
    if bought is not None:
        state = state.replace(bought=state.bought.at[: len(bought)].set(jnp.asarray(bought)))
    menu = al.menu(X, open=np.asarray(open))
    return policy.select(state, menu, KEY)


def test_k_center_keeps_its_distance_from_what_was_bought():
    labelled = np.zeros(N, bool)
    labelled[[0, 3]] = True
    picks = chosen(al.k_center_rule, bought=[0, 3]).item
    np.testing.assert_array_equal(picks, al.k_center(X, Q, labelled=labelled, open=OPEN))
    assert (np.asarray(picks) != np.asarray(chosen(al.k_center_rule).item)).any()


def test_certainty_gain_is_its_kernel_on_the_pool():
    """Of the pool: row 6 was bought; the other closed rows are no targets."""
    pool = OPEN | (np.arange(N) == 6)
    picks = chosen(al.certainty_gain_rule, bought=[6]).item
    rows = np.flatnonzero(pool)
    expected = al.certainty_gain(X[pool], Q, labelled=rows == 6).picks
    np.testing.assert_array_equal(picks, rows[expected])


@pytest.mark.parametrize("rule", ["bait", "certainty_gain", "diverse_and_uncertain", "probability_cover", "typiclust"])
def test_what_is_neither_open_nor_bought_counts_for_nothing(rule):
    """Other features of the closed rows leave the picks as they are."""
    policy = al.SetPolicy(FIXED, getattr(al, f"{rule}_rule"), Q)
    select = lean(policy.select)
    moved = jnp.asarray(np.where(OPEN[:, None], X, X + 3 * rng.normal(size=X.shape)), jnp.float32)
    one, other = (select(policy.init(KEY), al.menu(x, open=OPEN), KEY) for x in (jnp.asarray(X), moved))
    np.testing.assert_array_equal(one.item, other.item)


def test_power_of_a_large_exponent_is_the_top_of_the_score():
    score = al.entropy_score(FIXED, al.menu(jnp.asarray(X)), KEY)
    picks = chosen(al.power_rule, belief=FIXED, score=al.entropy_score, power=1e4).item
    np.testing.assert_array_equal(picks, al.scores.top_batch(score, Q, open=OPEN))


def some_rule(belief, menu, key, *, size, labelled, picks):
    return picks


@pytest.mark.parametrize(
    ("picks", "valid", "bit"),
    [
        ([1, 2, 4, 5], [True] * 4, OK),
        ([1, 1, 4, 1], [True, False, True, False], OK),
        ([-1, 2, -1, 5], [False, True, False, True], OK),
        ([1, 0, 4, 5], [True, False, True, True], CLOSED_ITEM),
        ([-1] * 4, [True, False, False, False], NAN_SCORE),
    ],
)
def test_picks_that_cannot_be_bought_are_invalid_and_a_run_never_stalls(picks, valid, bit):
    policy = al.SetPolicy(BELIEF, al.score(some_rule, picks=jnp.array(picks), size=1, labelled=None), Q)
    choice = policy.select(policy.init(KEY), al.menu(X, open=OPEN), KEY)
    assert choice.valid.tolist() == valid
    assert choice.status == bit
    assert OPEN[choice.item[choice.valid]].all()
    assert not choice.stop


def test_a_batch_larger_than_the_menu_buys_what_there_is():
    choice = chosen(al.k_center_rule, q=N + 5)
    assert sorted(np.asarray(choice.item)[choice.valid]) == np.flatnonzero(OPEN).tolist()


def test_the_memory_holds_the_last_rows_bought():
    policy = al.SetPolicy(BELIEF, al.k_center_rule, Q, 3)
    choice = al.Choice(
        jnp.array([5, 7, 1, 2]), jnp.ones(4), jnp.bool_(False), jnp.array([True, True, False, True]), jnp.int32(0)
    )
    menu, state = al.menu(jnp.asarray(X)), policy.init(KEY)
    paid = al.Outcome(jnp.zeros(4, jnp.int32), jnp.ones(4))
    state = policy.update(state, menu, choice, paid)
    assert np.flatnonzero(state.labelled(N)).tolist() == [2, 5, 7]
    state = policy.update(state, menu, choice.replace(item=jnp.array([9, 0, 0, 0]), valid=jnp.arange(4) == 0), paid)
    assert np.flatnonzero(state.labelled(N)).tolist() == [2, 7, 9]
    assert (
        al.SetPolicy(BELIEF, al.k_center_rule, Q, 0)
        .update(al.SetPolicy(BELIEF, al.k_center_rule, Q, 0).init(KEY), menu, choice, paid)
        .labelled(N)
        .sum()
        == 0
    )


def test_one_unknown_prediction_closes_one_item():
    def nan_at_one(belief, menu, key):
        return jnp.where(jnp.arange(N) == 1, jnp.nan, 1.0)

    choice = chosen(al.softmax_rule, score=nan_at_one, q=N)
    assert sorted(np.asarray(choice.item)[choice.valid]) == sorted(set(np.flatnonzero(OPEN)) - {1})


def test_errors_name_what_is_wrong():
    with pytest.raises(ValueError, match="q must be a whole number of at least 1; it is 0"):
        al.SetPolicy(BELIEF, al.k_center_rule, 0)
    with pytest.raises(ValueError, match="memory must be a whole number of at least 0"):
        al.SetPolicy(BELIEF, al.k_center_rule, 1, -1)
    with pytest.raises(TypeError, match="must take"):
        al.SetPolicy(BELIEF, lambda belief, menu, key: menu)
    with pytest.raises(TypeError, match="badge_rule needs a belief with `probs`; Linear has none"):
        chosen(al.badge_rule, belief=al.linear(D))
    with pytest.raises(ValueError, match="must return 4 menu rows as integers"):
        chosen(lambda belief, menu, key, *, size=1, labelled=None: menu.price)
