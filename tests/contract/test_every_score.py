"""What holds for every score, on every belief that supports it."""

import pickle

import catalogue as c
import jax
import jax.numpy as jnp
import numpy as np
import pytest

KEY = jax.random.key(0)
every_pair = pytest.mark.parametrize(("score", "belief"), c.PAIRS, ids=lambda x: x)
call = c.quick(lambda score, belief, menu, key: score(belief, menu, key))


def learned(name):
    """A belief that has seen every open item of its menu, so that no index is infinite."""
    belief = c.BELIEFS[name]()
    menu = c.menu_for(belief)
    y = c.outcomes_for(belief, c.K)
    full = menu.replace(open=jnp.ones(c.K, bool))
    return c.quick(lambda b: jax.lax.scan(lambda b, i: (b.update(full[i], y[i]), None), b, jnp.arange(c.K))[0])(belief)


BELIEFS = {name: learned(name) for name in c.BELIEFS}


@every_pair
def test_jit_equals_eager_and_scores_are_one_number_an_item(score, belief):
    s, b = c.SCORES[score](), BELIEFS[belief]
    menu = c.menu_for(b)
    values = call(s, b, menu, KEY)
    assert values.shape == (c.K,)
    assert jnp.issubdtype(values.dtype, jnp.floating)
    assert not np.isnan(values).any()
    if belief == next(other for name, other in c.PAIRS if name == score):
        np.testing.assert_allclose(s(b, menu, KEY), values, rtol=1e-4, atol=1e-5)


@every_pair
def test_relabelling_the_menu_permutes_the_scores(score, belief):
    if score in c.RANDOM_SCORES:
        s, order = c.SCORES[score](), np.arange(c.K)
    else:
        s, order = c.SCORES[score](), np.array([3, 1, 5, 0, 2, 4])
    b = BELIEFS[belief]
    menu = c.menu_for(b)
    np.testing.assert_allclose(call(s, b, menu[order], KEY), call(s, b, menu, KEY)[order], rtol=1e-5, atol=1e-6)


@every_pair
def test_it_is_repeatable_and_random_only_where_it_says_so(score, belief):
    s, b = c.SCORES[score](), BELIEFS[belief]
    menu = c.menu_for(b)
    first, again, other = (np.asarray(call(s, b, menu, k)) for k in (KEY, KEY, jax.random.key(1)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any() == (score in c.RANDOM_SCORES)


@every_pair
def test_one_trace_for_five_floats_and_a_grid_is_a_vmap(score, belief):
    traces = []
    b = BELIEFS[belief]
    menu = c.menu_for(b)

    @c.quick
    def counted(s):
        traces.append(1)
        return s(b, menu, KEY)

    loop = [counted(c.SCORES[score](f)) for f in c.FLOATS]
    assert len(traces) == 1
    numbers = [jax.tree.leaves(c.SCORES[score](f)) for f in c.FLOATS]
    if numbers[0]:
        structure = jax.tree.structure(c.SCORES[score]())
        grid = jax.tree.unflatten(structure, [jnp.asarray(x) for x in zip(*numbers, strict=True)])
        np.testing.assert_allclose(jax.vmap(lambda s: s(b, menu, KEY))(grid), jnp.stack(loop), rtol=1e-4, atol=1e-5)


@every_pair
def test_strict_type_promotion_and_double_precision(score, belief):
    with jax.numpy_dtype_promotion("strict"):
        b = c.BELIEFS[belief]()
        assert jax.eval_shape(c.SCORES[score](), b, c.menu_for(b), KEY).dtype == jnp.float32
    with c.doubles():
        b = c.BELIEFS[belief]()
        assert jax.eval_shape(c.SCORES[score](), b, c.menu_for(b), KEY).dtype in (jnp.float32, jnp.float64)


@pytest.mark.parametrize("name", c.TOGETHER)
def test_all_scores_of_a_large_belief_in_one_program(name):
    belief, asked = BELIEFS[name], {s: c.SCORES[s]() for s in c.asked_of(name)}
    menu, order = c.menu_for(belief), np.array([3, 1, 5, 0, 2, 4])

    @c.quick
    def ask(belief, menu, key):
        return {s: score(belief, menu, key) for s, score in asked.items()}

    first, again, *others = (ask(belief, menu, k) for k in (KEY, KEY, *jax.random.split(KEY, 5)))
    moved = ask(belief, menu[order], KEY)
    for s, values in first.items():
        assert values.shape == (c.K,), s
        assert jnp.issubdtype(values.dtype, jnp.floating), s
        assert not np.isnan(values).any(), s
        np.testing.assert_array_equal(values, again[s], s)
        assert any((values != other[s]).any() for other in others) == (s in c.RANDOM_SCORES), s
        if s not in c.RANDOM_SCORES:
            np.testing.assert_allclose(moved[s], values[order], rtol=1e-4, atol=1e-5, err_msg=s)
    with jax.numpy_dtype_promotion("strict"):
        assert all(v.dtype == jnp.float32 for v in jax.eval_shape(ask, c.BELIEFS[name](), menu, KEY).values())


@pytest.mark.parametrize("score", c.SCORES)
def test_it_can_be_saved_and_loaded(score):
    s = c.SCORES[score](0.7)
    again = pickle.loads(pickle.dumps(s))
    assert jax.tree.structure(again) == jax.tree.structure(s)
    assert all(map(np.array_equal, jax.tree.leaves(again), jax.tree.leaves(s)))
    assert again.hyper.keys() == s.hyper.keys()


@pytest.mark.parametrize("score", c.SCORES)
def test_a_belief_without_the_capability_is_named(score):
    s = c.SCORES[score]()
    for belief in (n for n in c.BELIEFS if not c.supports(s, c.BELIEFS[n]())):
        b = c.BELIEFS[belief]()
        with pytest.raises(
            TypeError, match=rf"needs a belief with `\w+`; {type(b).__name__} has none. Beliefs that do"
        ):
            s(b, c.menu_for(b), KEY)
