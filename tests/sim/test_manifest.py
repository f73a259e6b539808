"""What a study's name stands for: another function, constant or closed-over value is another study."""

import functools
import subprocess
import sys

import jax.numpy as jnp

import altheory as al
from altheory.sim.manifest import _plain, describe


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


NETWORK = """
import dataclasses
import jax.numpy as jnp
@dataclasses.dataclass(frozen=True)
class Net:
    width: int = 4
    bend: object = jnp.tanh
    def init(self, key, x): return jnp.zeros((x.shape[1], self.width))
    def apply(self, params, x): return self.bend(x @ params)
"""


def made(source, *fields):
    space = {"__name__": "__main__"}
    exec(source, space)
    return space["Net"](*fields)


def test_networks_are_known_by_class_fields_and_what_they_do():
    edited = NETWORK.replace("x @ params", "x @ params + 1")
    cases = [(NETWORK, 4, jnp.tanh), (NETWORK, 4, jnp.tanh), (NETWORK, 5, jnp.tanh), (NETWORK, 4, jnp.sin)]
    names = [_plain(made(*case)) for case in [*cases, (edited, 4, jnp.tanh)]]
    assert names[0] == names[1]
    assert len(set(names)) == 4
    one, two = (_plain(functools.partial(maker, sign)) for sign in (1.0, 2.0))
    assert one != two


def test_a_network_has_the_same_name_in_every_process():
    code = "\n".join(["from altheory.sim.manifest import _plain", NETWORK, "print(_plain(Net()))"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == _plain(made(NETWORK))
