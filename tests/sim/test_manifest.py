"""What a study's name stands for: another function, constant or closed-over value is another study."""

import jax.numpy as jnp

import altheory as al
from altheory.sim.manifest import describe


def maker(sign):
    def mine(belief, menu, key):
        return sign * belief.mean(menu)

    return mine


def named(source):
    space = {}
    exec(source, space)
    return al.Argmax(al.counts(2), space["mine"])


def test_equal_functions_have_equal_names_and_edited_ones_do_not():
    first = "def mine(belief, menu, key, *, c=1.0): return c * belief.mean(menu) + 2"
    names = [describe(named(text)) for text in (first, first, first.replace("+ 2", "+ 3"), first.replace("+ 2", "- 2"))]
    assert names[0] == names[1]
    assert len(set(names)) == 3


def test_values_closed_over_tell_policies_apart():
    values = (1.0, -1.0, 1.0, jnp.ones(2), jnp.zeros(2), "a", None, maker(1.0), maker(2.0))
    names = [describe(al.Argmax(al.counts(2), maker(value))) for value in values]
    assert names[0] == names[2]
    assert len(set(names)) == len(names) - 1


def test_named_policies_are_known_by_name_and_numbers():
    assert describe(al.ucb1(3)) == describe(al.ucb1(3))
    assert describe(al.ucb1(3)) != describe(al.ucb1(3, scale=2.0))
