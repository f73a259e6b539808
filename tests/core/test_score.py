"""`score`: numbers are leaves, structure is static, and mistakes are said in one sentence."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al

KEY = jax.random.key(0)
MENU = al.menu(jnp.arange(3))


def shift(x):
    return x + 1


def plain(belief, menu, key, *, power=1.0, grid=None, draws=4, name="a", link=shift, deep=True):
    return jnp.full(3, power)


def test_floats_and_arrays_are_leaves_the_rest_is_structure():
    s = al.score(plain, grid=jnp.arange(2.0), draws=8, name="b", link=shift)
    assert set(s.numbers) == {"power", "grid"}
    assert dict(s.structure) == {"draws": 8, "name": "b", "link": shift}
    assert len(jax.tree.leaves(s)) == 2
    assert s.hyper["deep"] is True


def test_a_default_float_is_a_leaf_too_so_that_setting_it_changes_no_structure():
    assert jax.tree.structure(al.score(plain)) == jax.tree.structure(al.score(plain, power=0.5))
    assert jax.tree.structure(al.score(plain)) != jax.tree.structure(al.score(plain, draws=8))


def test_a_score_in_a_score_keeps_its_leaves():
    outer = al.per_dollar(al.score(al.ucb, width=2.0), power=0.5)
    assert sorted(jax.tree.leaves(outer)) == [0.5, 2.0]


def test_rebinding_keeps_what_was_bound():
    s = al.score(al.score(plain, power=0.25, draws=8), name="c")
    assert s.hyper["power"] == 0.25
    assert s.hyper["draws"] == 8
    assert s.hyper["name"] == "c"
    assert al.score(s) is s


def test_vmap_over_a_hyperparameter():
    grid = jnp.linspace(0, 1, 5)
    out = jax.vmap(lambda p: al.score(plain, power=p)(None, MENU, KEY))(grid)
    np.testing.assert_allclose(out, np.broadcast_to(grid[:, None], (5, 3)))


def test_an_unknown_hyperparameter_is_one_sentence():
    with pytest.raises(TypeError, match=r"the score plain must take .* unexpected keyword argument 'powr'") as error:
        al.score(plain, powr=1.0)
    assert "\n" not in str(error.value)


def test_what_is_no_score_is_refused():
    with pytest.raises(TypeError, match="score needs a function"):
        al.score(3.0)
    with pytest.raises(TypeError, match="must take"):
        al.score(lambda belief: belief)


def test_a_missing_capability_names_it_and_the_beliefs_that_have_it():
    belief = al.linear(2)
    with pytest.raises(TypeError) as error:
        al.score(al.ucb1_index)(belief, al.menu(jnp.ones((3, 2))), KEY)
    assert str(error.value).startswith(
        "the score ucb1_index needs a belief with `count`; Linear has none. Beliefs that"
    )
    assert "Counts" in str(error.value)
    assert "Logistic" not in str(error.value)


def test_a_user_marks_what_a_score_needs():
    @al.needs("telepathy")
    def odd(belief, menu, key):
        return belief.telepathy(menu)

    with pytest.raises(TypeError, match=r"`telepathy`; Counts has none\. Beliefs that do: none is loaded"):
        al.score(odd)(al.counts(3), MENU, KEY)


def test_it_pickles():
    s = al.per_dollar(al.score(plain, power=0.5), power=2.0)
    again = pickle.loads(pickle.dumps(s))
    assert jax.tree.structure(again) == jax.tree.structure(s)
    assert jax.tree.leaves(again) == jax.tree.leaves(s)
