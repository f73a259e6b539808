"""The label pool: what it offers, sells and measures, and bad input refused in one sentence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al
from altheory.sim.metrics import Round

N, D, L = 12, 3, 2
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D)).astype(np.float32)
Y = np.arange(N) % 3
POOL = al.LabelPool(X, Y, [0.1, 2.0], [0.3, 0.0], held_out=0.25)
KEY = jax.random.key(0)


def ask(pool, world, item, key=KEY, valid=True):
    return pool.answer(
        world, al.Choice(jnp.int32(item), jnp.ones(()), jnp.bool_(False), jnp.bool_(valid), jnp.int32(0)), key
    )


def test_the_menu_is_items_times_labelers_by_reference():
    menu = POOL.offer(POOL.init(KEY))
    assert menu.x.table is POOL.X
    np.testing.assert_array_equal(menu.price, np.repeat(np.float32([0.1, 2.0]), N))
    np.testing.assert_array_equal(menu.noise, np.repeat(np.float32([0.3, 0.0]), N))
    np.testing.assert_array_equal(al.features(menu.x), np.tile(X, (L, 1)))
    size = sum(a.size for a in jax.tree.leaves(POOL.init(KEY)))
    assert size == L * N + N


def test_held_out_items_are_never_offered_and_drawn_afresh():
    worlds = jax.vmap(POOL.init)(jax.random.split(KEY, 50))
    np.testing.assert_array_equal(worlds.held_out.sum(1), 3)
    assert len({tuple(row) for row in np.asarray(worlds.held_out)}) > 10
    open = np.asarray(jax.vmap(POOL.offer)(worlds).open).reshape(50, L, N)
    np.testing.assert_array_equal(open, np.broadcast_to(~np.asarray(worlds.held_out)[:, None], open.shape))


def test_a_mask_holds_out_the_same_items_always():
    mask = np.arange(N) < 4
    pool = al.LabelPool(X, Y, held_out=mask)
    np.testing.assert_array_equal(pool.init(KEY).held_out, mask)
    np.testing.assert_array_equal(pool.offer(pool.init(KEY)).open, ~mask)


def test_a_label_is_sold_once_by_each_labeler():
    world = POOL.init(KEY)
    item = int(np.argmin(world.held_out))
    after, outcome = ask(POOL, world, N + item)
    assert float(outcome.cost) == 2.0
    changed = POOL.offer(world).open != POOL.offer(after).open
    np.testing.assert_array_equal(np.flatnonzero(changed), [N + item])
    both, _ = ask(POOL, after, item)
    assert int((POOL.offer(world).open & ~POOL.offer(both).open).sum()) == 2


def test_what_is_not_valid_is_not_sold():
    world = POOL.init(KEY)
    after, outcome = ask(POOL, world, 1, valid=False)
    assert float(outcome.cost) == 0
    np.testing.assert_array_equal(after.bought, world.bought)


def test_a_run_buys_each_label_at_most_once_and_none_held_out():
    policy = al.random(al.logistic(D, 3, capacity=4))
    state, trace = al.simulate(policy, POOL, KEY, horizon=20, record=(al.labels, al.coverage, al.accuracy))
    items = np.asarray(trace.item)
    bought = items[items >= 0]
    assert len(bought) == len(set(bought)) == 2 * 9
    assert bool(trace.stopped[-1])
    assert not np.asarray(trace.stopped)[:18].any()
    assert int(trace["labels"].sum()) == 18
    assert int(state.belief.seen) == 18


def test_accuracy_is_measured_on_the_held_out_items():
    world = POOL.init(KEY)
    menu, truth, counted = POOL.exam(world)
    np.testing.assert_array_equal(counted, world.held_out)
    np.testing.assert_array_equal(truth, Y)
    belief = al.logistic(D, 3).replace(weights=jnp.asarray(RNG.normal(size=(2, D)), jnp.float32))
    guess = np.asarray(belief.probs(menu)).argmax(1)
    state = al.Argmax(belief, al.uniform).init(KEY)
    choice = al.Choice(jnp.int32(0), jnp.ones(()), jnp.bool_(False), jnp.bool_(True), jnp.int32(0))
    seen = Round(None, POOL, None, state, world, menu, choice, al.Outcome(jnp.int32(0), jnp.ones(())))
    expected = (guess == Y)[np.asarray(counted)].mean()
    np.testing.assert_allclose(al.accuracy(seen), expected, rtol=1e-6)


def test_all_items_count_where_none_is_held_out():
    pool = al.LabelPool(X, Y)
    assert pool.exam(pool.init(KEY))[2].all()


def test_the_number_of_classes_can_exceed_what_the_labels_show():
    assert al.LabelPool(X, np.zeros(N)).classes == 2
    assert al.LabelPool(X, Y, classes=5).classes == 5
    assert al.LabelPool(X, Y.astype(float)).y.dtype == jnp.int32


BAD = X.copy()
BAD[1, 2] = np.nan


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"X": BAD}, r"LabelPool X must be finite; it has nan at \[1, 2\]: drop or impute"),
        ({"X": np.where(np.isnan(BAD), np.inf, BAD)}, r"LabelPool X must be finite; it has inf at \[1, 2\]"),
        ({"X": X[:0], "y": Y[:0]}, "LabelPool X is empty"),
        ({"X": X[0]}, r"LabelPool X must be a \[rows, columns\] array"),
        ({"y": Y[:5]}, "LabelPool y must have one entry for each of the 12 items"),
        ({"y": Y - 1}, r"LabelPool y must lie in 0\.\.1; it has -1"),
        ({"y": Y, "classes": 2}, r"LabelPool y must lie in 0\.\.1; it has 2"),
        ({"y": Y + 0.5}, "LabelPool y must hold one whole-number class for each item"),
        ({"y": np.where(Y == 0, np.nan, Y)}, "LabelPool y must hold one whole-number class for each item"),
        ({"y": np.where(Y == 0, np.inf, Y)}, "LabelPool y must hold one whole-number class for each item"),
        ({"y": np.array(["a"] * N)}, "LabelPool y must hold one whole-number class for each item; its type is <U1"),
        ({"y": Y[:, None]}, "LabelPool y must hold one whole-number class for each item"),
        ({"price": -0.1}, "LabelPool price must be at least 0; its smallest entry is -0.1"),
        ({"price": np.nan}, "LabelPool price must be finite"),
        ({"price": []}, "LabelPool price"),
        ({"price": [[1.0]]}, "LabelPool price"),
        ({"flip": 1.5}, r"LabelPool flip must lie in \[0, 1\]; it has 1.5"),
        ({"flip": [0.1, 0.1]}, "LabelPool flip must be one number or one for each of the 1 labelers"),
        ({"informative": -1.0}, "LabelPool informative must be at least 0"),
        ({"kind": "sloppy"}, "labeler kind must be one of uniform, hard, classpair, region; it is 'sloppy'"),
        ({"kind": ["hard", "hard"]}, "LabelPool kind must have one entry for each of the 1 items"),
        ({"held_out": 1}, "LabelPool held_out is 1 of 12 items, which leaves none to ask about"),
        ({"held_out": -0.5}, r"LabelPool held_out must lie in \[0, 1\]"),
        ({"held_out": np.ones(N, bool)}, "LabelPool held_out leaves no item to ask about"),
        ({"held_out": np.ones(3, bool)}, "LabelPool held_out must have one entry for each of the 12 items"),
    ],
)
def test_bad_pools_are_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        al.LabelPool(**{"X": X, "y": Y, **arguments})
    assert "\n" not in str(error.value)
