"""What holds for every policy."""

import pickle

import catalogue as c
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al
from altheory.core.status import NAN_BELIEF, NAN_SCORE, OK

SEEDS = 16
MASKS = np.random.default_rng(1).random((SEEDS, c.K)) < 0.6
MASKS[0], MASKS[1], MASKS[2] = False, np.arange(c.K) == 4, True
KEYS = jax.random.split(jax.random.key(0), SEEDS)
NEVER_NAN = {
    "A2",
    "IWAL",
    "random",
    "random that still learns",
    "ucb1",
    "Epsilon",
    "PlayDesign",
    "pandora_in_order",
    "SetPolicy that looks at features",
}
"""Policies whose score is a number even where the belief is not: an arm of unknown count is as good as unplayed."""

every_policy = pytest.mark.parametrize("name", c.POLICIES)


def episode(policy, menu, y, key, loop=jax.lax.scan):
    """Two rounds of choice and update, a bought item closed after it."""

    def one(carry, key):
        state, open = carry
        choice = policy.select(state, menu.replace(open=open), key)
        outcome = al.Outcome(y[choice.item], menu.price[choice.item])
        state = policy.update(state, menu.replace(open=open), choice, outcome)
        return (state, open & ~jnp.zeros(c.K, bool).at[choice.item].max(choice.valid)), choice

    (state, _), choices = loop(one, (policy.init(key), menu.open), jax.random.split(key, 2))
    return state, choices


def python_loop(step, carry, xs):
    choices = []
    for x in xs:
        carry, choice = step(carry, x)
        choices.append(choice)
    return carry, jax.tree.map(lambda *a: jnp.stack(a), *choices)


fast = c.quick(episode)


@c.quick
def many(policy, menu, y, keys, masks):
    return jax.vmap(lambda key, mask: episode(policy, menu.replace(open=mask), y, key))(keys, masks)


def parts(policy):
    belief = c.belief_of(policy)
    return c.menu_for(belief), c.outcomes_for(belief, c.K)


def same(a, b, tolerance=2e-4):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


@every_policy
def test_jit_equals_eager(name):
    policy = c.POLICIES[name]()
    menu, y = parts(policy)
    same(fast(policy, menu, y, KEYS[0]), episode(policy, menu, y, KEYS[0], python_loop))


@every_policy
def test_vmap_over_seeds_equals_a_loop(name):
    policy = c.POLICIES[name]()
    menu, y = parts(policy)
    together = many(policy, menu, y, KEYS, MASKS)
    for i in range(0, SEEDS, 3):
        alone = fast(policy, menu.replace(open=jnp.asarray(MASKS[i])), y, KEYS[i])
        same(jax.tree.map(lambda x, i=i: x[i], together), alone)


@every_policy
def test_five_instances_are_traced_once(name):
    traces = []

    @jax.jit
    def counted(policy, menu, y, key):
        traces.append(1)
        return policy.select(policy.init(key), menu, key)

    for f in c.FLOATS:
        policy = c.POLICIES[name](f)
        counted.eval_shape(policy, *parts(policy), KEYS[0])
    assert len(traces) == 1


@every_policy
def test_only_open_items_are_bought_and_none_twice(name):
    policy = c.POLICIES[name]()
    menu, y = parts(policy)
    choices = many(policy, menu, y, KEYS, MASKS)[1]
    item, valid = (np.asarray(a).reshape(SEEDS, -1) for a in (choices.item, choices.valid))
    for mask, items in zip(MASKS, (i[v] for i, v in zip(item, valid, strict=True)), strict=True):
        assert mask[items].all()
        assert len(set(items)) == len(items)
    assert valid[2].any() == (not choices.stop[2, 0])


@every_policy
def test_a_closed_menu_stops_the_run_and_changes_nothing(name):
    policy = c.POLICIES[name]()
    menu, y = parts(policy)
    state, choices = jax.tree.map(lambda x: x[0], many(policy, menu, y, KEYS, MASKS))
    assert choices.stop.all()
    assert not choices.valid.any()
    belief, prior = c.acting(state).belief, c.belief_of(policy)
    if hasattr(belief, "rounds"):
        belief = belief.replace(rounds=prior.rounds)
    same(belief, prior, tolerance=0)


@every_policy
def test_the_reported_probability_is_that_of_a_possible_pick(name):
    policy = c.POLICIES[name]()
    choices = many(policy, *parts(policy), KEYS, MASKS)[1]
    prob = np.asarray(choices.prob)[np.asarray(choices.valid)]
    assert (prob > 0).all()
    assert (prob <= 1 + 1e-6).all()


@every_policy
def test_nan_scores_survive(name):
    def spoil(belief):
        return jax.tree.map(lambda a: a * jnp.nan if jnp.issubdtype(a.dtype, jnp.floating) else a, belief)

    clean = jax.tree.map(jnp.asarray, c.POLICIES[name]())
    policy = c.with_belief(clean, spoil)
    menu, y = parts(policy)
    state, choices = many(policy, menu, y, KEYS, MASKS)
    assert (c.acting(state).status & NAN_BELIEF != OK).all()
    assert ((choices.status[1:] & NAN_SCORE).any(-1) != (name in NEVER_NAN)).all()
    live = np.asarray(choices.valid).reshape(SEEDS, -1)
    item = np.asarray(choices.item).reshape(SEEDS, -1)
    assert all(mask[i[v]].all() for mask, i, v in zip(MASKS, item, live, strict=True))
    if "stop" not in name and name != "Until":
        assert live[1:].any(-1).all()


@every_policy
def test_it_can_be_saved_and_loaded(name):
    policy = c.POLICIES[name]()
    menu, y = parts(policy)
    state, choices = fast(policy, menu, y, KEYS[0])
    loaded = pickle.loads(pickle.dumps(policy))
    leaves, structure = jax.tree.flatten(policy)
    for again in (loaded, jax.tree.unflatten(structure, leaves)):
        same(fast(again, menu, y, KEYS[0]), (state, choices), tolerance=0)
    same(pickle.loads(pickle.dumps(state)), state, tolerance=0)


@every_policy
@pytest.mark.parametrize("wide", [False, True])
def test_types_are_those_of_the_platform_and_stay_what_they_were(name, wide):
    with c.doubles(wide):
        policy = c.POLICIES[name]()
        menu, y = parts(policy)

        def round_(state, key):
            choice = policy.select(state, menu, key)
            return policy.update(state, menu, choice, al.Outcome(y[choice.item], menu.price[choice.item])), choice

        first = jax.eval_shape(policy.init, KEYS[0])
        then, choice = jax.eval_shape(lambda k: jax.lax.scan(round_, policy.init(k), jax.random.split(k)), KEYS[0])
    kinds = [x.dtype for x in jax.tree.leaves(first)]
    assert [x.dtype for x in jax.tree.leaves(then)] == kinds
    assert choice.item.dtype == (jnp.int64 if wide else jnp.int32)


@every_policy
def test_strict_type_promotion(name):
    policy = c.POLICIES[name]()
    with jax.numpy_dtype_promotion("strict"):
        jax.eval_shape(episode, policy, *parts(policy), KEYS[0])
