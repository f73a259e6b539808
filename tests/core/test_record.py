"""Records: pytrees whose invariants are checked once, when a person builds them."""

import dataclasses
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al

CHECKS = []


@al.record
class Point:
    x: jax.Array = al.leaf(converter=jnp.asarray)
    scale: float = 1.0
    size: int = al.static(default=3)

    def __check__(self):
        CHECKS.append(self)
        if np.any(np.asarray(self.x) < 0):
            raise ValueError("Point x must be at least 0")


@al.record
class Pair:
    left: Point
    right: Point


@pytest.fixture(autouse=True)
def _forget():
    CHECKS.clear()


def test_a_person_building_it_runs_converter_and_check():
    p = Point([1.0, 2.0])
    assert isinstance(p.x, jax.Array)
    assert len(CHECKS) == 1
    with pytest.raises(ValueError, match="Point x must be at least 0"):
        Point([-1.0])


def test_jax_rebuilds_without_check_even_around_placeholders():
    p = Point([1.0])
    CHECKS.clear()
    structure = jax.tree.structure(p)
    for placeholder in (object(), None, "text", -1.0):
        again = jax.tree.unflatten(structure, [placeholder, placeholder])
        assert again.x is placeholder
        assert again.size == 3
    assert jax.tree.map(lambda a: -a, p).x[0] == -1
    assert jax.tree.all(jax.tree.map(lambda a: a is None, jax.tree.map(lambda a: None, p), is_leaf=lambda a: a is None))
    assert not CHECKS


def test_no_check_while_tracing():
    @jax.jit
    def build(x):
        return Point(x).x + 1

    np.testing.assert_array_equal(build(jnp.array([-1.0])), [0.0])
    assert not CHECKS


def test_static_fields_are_structure_and_the_rest_are_leaves():
    p = Point([1.0, 2.0], 0.5, 7)
    assert [np.shape(a) for a in jax.tree.leaves(p)] == [(2,), ()]
    same, other = Point([3.0, 4.0], 0.1, 7), Point([1.0, 2.0], 0.5, 8)
    assert jax.tree.structure(p) == jax.tree.structure(same)
    assert jax.tree.structure(p) != jax.tree.structure(other)


def test_a_changed_leaf_retraces_nothing_and_a_changed_static_does():
    traces = []

    @jax.jit
    def f(p):
        traces.append(p.size)
        return p.x.sum() * p.scale

    for scale in (0.1, 0.2, 0.3):
        f(Point([1.0], scale))
    assert traces == [3]
    f(Point([1.0], size=4))
    assert traces == [3, 4]


def test_paths_name_the_fields():
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree.leaves_with_path(Pair(Point([1.0]), Point([2.0])))]
    assert paths == [".left.x", ".left.scale", ".right.x", ".right.scale"]


def test_replace_copies_unchecked_and_refuses_unknown_fields():
    p = Point([1.0])
    CHECKS.clear()
    q = p.replace(scale=2.0)
    assert (p.scale, q.scale, q.x is p.x) == (1.0, 2.0, True)
    assert not CHECKS
    with pytest.raises(TypeError, match="Point has no field sizes"):
        p.replace(sizes=2)


def test_it_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Point([1.0]).scale = 2.0


def test_it_pickles():
    p = Pair(Point([1.0], 0.5, 4), Point([2.0]))
    q = pickle.loads(pickle.dumps(p))
    assert jax.tree.structure(p) == jax.tree.structure(q)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(np.all(a == b)), p, q))


def test_vmap_over_a_hyperparameter_alone():
    p = Point([1.0, 2.0])
    axes = Point.replace(jax.tree.map(lambda a: None, p, is_leaf=lambda a: a is p.x), x=None, scale=0)
    out = jax.vmap(lambda q: q.scale * q.x.sum(), in_axes=(axes,))(p.replace(scale=jnp.array([1.0, 2.0])))
    np.testing.assert_allclose(out, [3.0, 6.0])
