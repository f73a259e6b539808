"""A replayed crowd gives back its record, and nothing that was never said."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import altheory as al

KEY = jax.random.key(0)
RECORD = np.array([[2, 0, 1], [0, 1, 2], [2, 0, 0], [1, 1, 1], [2, 1, 1], [2, 0, 2]])
POOL = al.ReplayPool(RECORD, y=np.array([2, -1, 1, 0]), price=[0.1, 2.0], noise=0.2, confidence=np.arange(6) / 10)


def ask(pool, world, row, valid=True):
    choice = al.Choice(jnp.int32(row), jnp.ones(()), jnp.bool_(False), jnp.bool_(valid), jnp.int32(0))
    return pool.answer(world, choice, KEY)


def test_the_menu_is_the_pairs_that_were_recorded():
    menu = POOL.offer(POOL.init(KEY))
    np.testing.assert_array_equal(np.stack([menu.x.index, menu.x.source], 1), [[0, 1], [1, 1], [2, 0], [2, 1]])
    np.testing.assert_allclose(menu.price, [2.0, 2.0, 0.1, 2.0])
    np.testing.assert_allclose(menu.noise, 0.2)
    assert menu.open.all()
    assert (POOL.items, POOL.labelers, POOL.classes) == (4, 2, 3)


def test_a_pair_with_several_labels_answers_in_order_and_closes_after_the_last():
    world, said = POOL.init(KEY), []
    for left in (True, True, False):
        world, outcome = ask(POOL, world, 2)
        said.append((int(outcome.y), round(float(outcome.confidence), 3)))
        assert bool(POOL.offer(world).open[2]) == left
    assert said == [(1, 0.0), (0, 0.2), (2, 0.5)]
    _, nothing = ask(POOL, POOL.init(KEY), 2, valid=False)
    assert float(nothing.cost) == 0
    assert POOL.offer(ask(POOL, POOL.init(KEY), 0, valid=False)[0]).open[0]


def test_every_pair_can_be_laid_out_with_the_unrecorded_closed():
    pool = al.ReplayPool(RECORD, every_pair=True)
    menu = pool.offer(pool.init(KEY))
    np.testing.assert_array_equal(menu.x.source * 3 + menu.x.index, np.arange(6))
    np.testing.assert_array_equal(menu.open, [False, False, True, True, True, True])
    np.testing.assert_array_equal([int(ask(pool, pool.init(KEY), k)[1].y) for k in (2, 3, 4, 5)], [1, 2, 1, 1])
    np.testing.assert_array_equal(al.per_item(lambda x: x, menu.x), menu.x.index)


def test_value_is_how_often_a_labeler_was_right_and_the_exam_asks_what_is_known():
    np.testing.assert_allclose(POOL.value(POOL.init(KEY)), [1.0, 1.0, 1 / 3, 1.0], rtol=1e-6)
    np.testing.assert_allclose(al.ReplayPool(RECORD).value(None), 0.5)
    menu, truth, counted = POOL.exam(POOL.init(KEY))
    np.testing.assert_array_equal(counted, [True, False, True, True])
    np.testing.assert_array_equal(truth[counted], [2, 1, 0])
    assert menu.x.shape == (4,)


@given(st.integers(0, 10_000), st.booleans())
def test_buying_everything_gives_back_the_record(seed, every):
    rng = np.random.default_rng(seed)
    record = rng.integers(0, (4, 3, 2), (9, 3))
    pool = al.ReplayPool(record, every_pair=every)
    world, got = pool.init(KEY), []
    for _ in range(9):
        menu = pool.offer(world)
        row = int(rng.choice(np.flatnonzero(menu.open)))
        world, outcome = ask(pool, world, row)
        got.append((int(menu.x.index[row]), int(menu.x.source[row]), int(outcome.y)))
    assert not pool.offer(world).open.any()
    assert sorted(got) == sorted(map(tuple, record.tolist()))


def test_a_run_buys_it_all_and_stops():
    policy = al.random(al.crowd(4, 2, 3))
    state, trace = al.simulate(policy, POOL, KEY, horizon=8, record=(al.labels, al.cost))
    assert int(trace["labels"].sum()) == int(state.belief.seen) == 6
    np.testing.assert_allclose(float(trace["cost"].sum()), 3 * 0.1 + 3 * 2, rtol=1e-5)
    assert bool(trace.stopped[-1])
    assert int(trace.status) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": RECORD[:, :2]}, r"ReplayPool labels must be \[n, 3\] triples"),
        ({"labels": RECORD - 1}, r"ReplayPool labels must be \[n, 3\] triples"),
        ({"y": [0, 1]}, "ReplayPool labels and y must name items below 2 and classes below 3"),
        ({"classes": 2}, "ReplayPool labels and y must name items below 3 and classes below 2"),
        ({"X": np.ones((3, 2)), "y": [0, 1]}, "ReplayPool y must have one entry for each of the 3 items"),
        ({"price": [1.0]}, "ReplayPool price must be one number or one for each of the 2 labelers"),
        ({"price": -1.0}, "ReplayPool price must be at least 0"),
        ({"confidence": [0.5]}, "ReplayPool confidence must have one entry for each of the 6 items"),
        ({"confidence": np.full(6, 1.5)}, r"ReplayPool confidence must lie in \[0, 1\]"),
    ],
)
def test_what_it_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        al.ReplayPool(**{"labels": RECORD, **options})
