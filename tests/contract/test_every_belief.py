"""What holds for every belief."""

import pickle

import catalogue as c
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

ROWS = 5
KEY = jax.random.key(0)
CAPABILITIES = ("mean", "std", "count", "probs")
TRACED = []
every_belief = pytest.mark.parametrize("name", c.BELIEFS)


def learn(belief, menu, y, order):
    """Fold rows of the menu, and their outcomes, into a belief."""
    return jax.lax.scan(lambda b, i: (b.update(menu[i], y[i]), None), belief, order)[0]


def answers(belief, menu, key, *, draw=True):
    """Everything a score may ask, and what random scores are made of."""
    able = [n for n in CAPABILITIES if hasattr(belief, n) and not (n == "mean" and getattr(belief, "classes", 2) > 2)]
    said = {n: getattr(belief, n)(menu) for n in able}
    if draw and hasattr(belief, "predictive"):
        said["predictive"] = belief.predictive(menu, key, 3)
    elif draw and hasattr(belief, "sample"):
        said["sample"] = belief.sample(menu, key)
    return said


def told(belief, menu, y, order):
    TRACED.append(1)
    learned = learn(belief, menu, y, order)
    return learned, answers(learned, menu, KEY)


fast = c.quick(told)
ORDER = np.array([0, 1, 3, 4, 5])


def setting(name, f=1.0):
    belief = c.BELIEFS[name](f)
    return belief, c.menu_for(belief), c.outcomes_for(belief, c.K)


def same(a, b, tolerance=1e-4):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


def clocked(belief, other):
    """A belief with the other's count of rounds, which goes on where a row is closed."""
    if hasattr(belief, "parts"):
        return belief.replace(parts=clocked(belief.parts, other.parts))
    if hasattr(belief, "sources"):
        return belief.replace(inner=clocked(belief.inner, other.inner))
    return belief.replace(rounds=other.rounds) if hasattr(belief, "rounds") else belief


@every_belief
def test_jit_equals_eager(name):
    belief, menu, y = setting(name)
    learned = belief.update(menu[0], y[0])
    fed, said = fast(belief, menu.replace(open=jnp.arange(c.K) == 0), y, ORDER)
    same(fed, clocked(learned, fed))
    eager = answers(learned, menu, KEY, draw=name not in c.TOGETHER)
    same({k: said[k] for k in eager}, eager, tolerance=1e-3)


@every_belief
def test_vmap_equals_a_loop_and_five_floats_one_trace(name):
    settings = [setting(name, f) for f in c.FLOATS]
    fast(*settings[0], ORDER)
    traces = len(TRACED)
    loop = [fast(*s, ORDER) for s in settings]
    assert len(TRACED) == traces
    stack = jax.tree.map(lambda *x: jnp.stack([jnp.asarray(a) for a in x]), *[s[0] for s in settings])
    together = c.quick(jax.vmap(lambda b: told(b, *settings[0][1:], ORDER)))(stack)
    same(together, jax.tree.map(lambda *x: jnp.stack([jnp.asarray(a) for a in x]), *loop), tolerance=1e-3)


@every_belief
def test_closed_rows_change_nothing(name):
    belief, menu, y = setting(name)
    shut = menu.replace(open=jnp.zeros(c.K, bool))
    learned = fast(belief, menu, y, ORDER)[0]
    after, said = fast(learned, shut, y, ORDER)
    after = clocked(after, learned)
    same(after, learned, tolerance=0)
    same(said, fast(after, shut, y, ORDER)[1], tolerance=0)


@every_belief
def test_an_open_row_changes_something(name):
    belief, menu, y = setting(name)
    shut = menu.replace(open=jnp.zeros(c.K, bool))
    before, after = (fast(belief, m, y, ORDER)[1] for m in (shut, menu))
    for key in before:
        assert not np.allclose(before[key], after[key]), key


@pytest.mark.parametrize("name", ["counts", "beta_bernoulli", "gaussian_arms", "moments", "linear", "gp", "gp_arms"])
@given(order=st.permutations(list(ORDER)))
def test_conjugate_beliefs_ignore_order(name, order):
    belief, menu, y = setting(name)
    (one, said), (other, also) = (fast(belief, menu, y, np.array(o)) for o in (order, ORDER))
    same({k: said[k] for k in ("mean", "std")}, {k: also[k] for k in ("mean", "std")})
    for field in ("plays", "total", "deviation", "a", "b", "precision", "moment", "gain"):
        same(getattr(one, field, 0), getattr(other, field, 0))


@every_belief
def test_it_can_be_saved_and_loaded(name):
    belief, menu, y = setting(name)
    learned = fast(belief, menu, y, ORDER)[0]
    leaves, structure = jax.tree.flatten(learned)
    for again in (pickle.loads(pickle.dumps(learned)), jax.tree.unflatten(structure, leaves)):
        assert jax.tree.structure(again) == structure
        same(fast(again, menu, y, ORDER), fast(learned, menu, y, ORDER), tolerance=0)


@pytest.mark.parametrize("name", [n for n in c.BELIEFS if n not in c.TOGETHER])
def test_double_precision_agrees_with_single(name):
    single = fast(*setting(name), ORDER)[1]
    with c.doubles():
        double = fast(*setting(name), ORDER)[1]
    for key in {"mean", "std", "count", "probs"} & set(single):
        assert single[key].dtype == np.float32
        np.testing.assert_allclose(single[key], double[key], atol=2e-3)
    assert all(np.isfinite(x).all() for k, x in double.items() if k != "std")


@every_belief
def test_strict_type_promotion_and_types_that_stay(name):
    with jax.numpy_dtype_promotion("strict"):
        jax.eval_shape(told, *setting(name), ORDER)
    with c.doubles():
        jax.eval_shape(told, *setting(name), ORDER)
