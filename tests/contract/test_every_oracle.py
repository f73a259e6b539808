"""What holds for every oracle."""

import pickle

import catalogue as c
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al

KEY = jax.random.key(0)
ASKED = al.Choice(
    jnp.array([0, 3, 5]), jnp.ones(3), jnp.bool_(False), jnp.array([True, True, False]), jnp.zeros((), jnp.int32)
)
every_oracle = pytest.mark.parametrize("name", c.ORACLES)


def visit(oracle, choice, key):
    """Open the world, look at the menu and the values, ask once."""
    world = oracle.init(jax.random.fold_in(key, 0))
    after, outcome = oracle.answer(world, choice, jax.random.fold_in(key, 1))
    return oracle.offer(world), oracle.value(world), after, outcome


fast = c.quick(visit)


def same(a, b, tolerance=1e-5):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


@every_oracle
def test_jit_equals_eager(name):
    oracle = c.ORACLES[name]()
    same(fast(oracle, ASKED, KEY), visit(oracle, ASKED, KEY))


@every_oracle
def test_vmap_over_seeds_equals_a_loop(name):
    oracle = c.ORACLES[name]()
    keys = jax.random.split(KEY, 4)
    together = c.quick(jax.vmap(visit, (None, None, 0)))(oracle, ASKED, keys)
    same(jax.tree.map(lambda *x: jnp.stack(x), *[fast(oracle, ASKED, k) for k in keys]), together)


@every_oracle
def test_five_instances_are_traced_once(name):
    traces = []

    @c.quick
    def counted(oracle, key):
        traces.append(1)
        return oracle.value(oracle.init(key))

    for f in c.FLOATS:
        counted.eval_shape(c.ORACLES[name](f), KEY)
    assert len(traces) == 1


def label_of(outcome):
    """The label, where an outcome also tells features."""
    return getattr(outcome.y, "label", outcome.y)


@every_oracle
def test_shapes_agree_and_what_is_not_valid_costs_nothing(name):
    menu, value, _, outcome = fast(c.ORACLES[name](), ASKED, KEY)
    size = menu.price.shape[0]
    assert value.shape == menu.noise.shape == menu.open.shape == (size,)
    assert label_of(outcome).shape == outcome.cost.shape == (3,)
    np.testing.assert_array_equal(outcome.cost, np.where(ASKED.valid, menu.price[ASKED.item], 0))
    assert np.isfinite(value).all()


@every_oracle
def test_a_batch_and_single_questions_agree_on_what_was_bought(name):
    oracle = c.ORACLES[name]()
    world = oracle.init(KEY)
    single = al.Choice(jnp.int32(3), jnp.ones(()), jnp.bool_(False), jnp.bool_(True), jnp.int32(0))
    after, outcome = oracle.answer(world, single, KEY)
    assert label_of(outcome).shape == outcome.cost.shape == ()
    assert jax.tree.structure(after) == jax.tree.structure(world)
    assert [x.dtype for x in jax.tree.leaves(after)] == [x.dtype for x in jax.tree.leaves(world)]


@every_oracle
def test_it_can_be_saved_and_loaded(name):
    oracle = c.ORACLES[name](0.7)
    leaves, structure = jax.tree.flatten(oracle)
    for again in (pickle.loads(pickle.dumps(oracle)), jax.tree.unflatten(structure, leaves)):
        same(fast(again, ASKED, KEY), fast(oracle, ASKED, KEY), tolerance=0)


@every_oracle
def test_strict_type_promotion_and_double_precision(name):
    with jax.numpy_dtype_promotion("strict"):
        jax.eval_shape(visit, c.ORACLES[name](), ASKED, KEY)
    with c.doubles():
        wide = c.quick(visit)(c.ORACLES[name](), ASKED, KEY)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(wide[1:]))
