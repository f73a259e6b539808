"""Boxes: what is offered, what is kept, what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al

KEY = jax.random.key(0)


def ask(items, valid=True):
    items = jnp.asarray(items)
    return al.Choice(items, jnp.ones(items.shape), jnp.bool_(False), jnp.broadcast_to(valid, items.shape), jnp.int32(0))


def test_a_box_opens_once_and_children_wait_for_parents():
    search = al.BoxSearch(
        al.DiscretePrize(np.arange(3.0)[:, None], np.ones((3, 1))), [0.1, 0.2, 0.3], parent=[-1, 0, 1]
    )
    world = search.init(KEY)
    for item, offered in ((0, [1, 0, 0]), (1, [0, 1, 0]), (2, [0, 0, 1])):
        assert search.offer(world).open.tolist() == [bool(x) for x in offered]
        world, outcome = search.answer(world, ask(item), KEY)
        assert float(outcome.y) == item
        np.testing.assert_allclose(outcome.cost, search.price[item])
    assert not search.offer(world).open.any()
    assert world.hand.tolist() == [2.0]


def test_gain_counts_the_best_in_hand_and_what_is_invalid_counts_nothing():
    search = al.BoxSearch(al.DiscretePrize([[3.0], [5.0], [4.0]], np.ones((3, 1))), np.ones(3), 1.0, winners=2)
    world = search.init(KEY)
    assert float(search.gain(world, ask([0, 1, 2], jnp.array([True, True, False])))) == 6
    assert float(search.gain(world, ask(1, False))) == 0
    world, _ = search.answer(world, ask([0, 1]), KEY)
    assert world.hand.tolist() == [5.0, 3.0]
    assert float(search.gain(world, ask(2))) == 1


def test_prizes_are_drawn_afresh_and_rows_of_a_table_together():
    table = np.array([[1.0, 2.0], [3.0, 4.0]])
    rows = jax.vmap(al.TableSearch(table, [0.1, 0.1]).init)(jax.random.split(KEY, 40)).prize
    assert {tuple(r) for r in np.asarray(rows)} == {(1, 2), (3, 4)}
    drawn = jax.vmap(al.BoxSearch(al.UniformPrize(), np.ones(2)).init)(jax.random.split(KEY, 40)).prize
    assert len(np.unique(drawn)) == 80


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: al.BoxSearch(al.GaussianPrize([0.0, 1.0]), [1.0, 1.0, 1.0]), "one law of prizes for each of the 3"),
        (lambda: al.BoxSearch(al.GaussianPrize(), [1.0, -1.0]), "price must be at least 0"),
        (lambda: al.BoxSearch(al.GaussianPrize(), [1.0, 1.0], parent=[1, 0]), "must be a forest; box 0 waits"),
        (lambda: al.BoxSearch(al.GaussianPrize(), [1.0, 1.0], parent=[-1, 5]), "box ids below 2"),
        (lambda: al.BoxSearch(al.GaussianPrize(), [1.0], winners=0), "winners must be a whole number"),
        (lambda: al.TableSearch(np.ones((2, 3)), [1.0]), "price must have one entry for each of the 3"),
        (lambda: al.boxes(3.0), "boxes needs laws of prizes"),
        (lambda: al.boxes(al.GaussianPrize(np.zeros((2, 2)))), "one law for each box"),
    ],
)
def test_wrong_input_is_named(made, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        made()
