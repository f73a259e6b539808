"""What holds for every stop rule with a memory: above all, that loop and replay decide alike."""

import functools
import pickle

import catalogue as c
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al

T, RUNS = 20, 4
FIELDS = ("labels", "spent", "price", "error", "predictions", "uncertainty", "gain")
DERIVED = ("training_error", "mistakes", "audits", "best", "index")
rng = np.random.default_rng(3)
TRACE = {
    "labels": np.arange(T, dtype=np.int32),
    "spent": np.arange(T, dtype=np.float32) * 0.3,
    "price": np.full(T, 0.3, np.float32),
    "error": (0.7 / (1 + np.arange(T)) ** 0.5 + 0.02 * rng.normal(size=T)).astype(np.float32),
    "predictions": np.sort(rng.integers(0, c.C, (T, c.K)), 0).astype(np.int32),
    "uncertainty": np.linspace(1.1, 0.05, T, dtype=np.float32),
    "gain": np.linspace(0.5, 0.0, T, dtype=np.float32),
    "training_error": np.zeros(T, np.float32),
    "mistakes": np.arange(T, dtype=np.int32) // 8,
    "audits": np.arange(T, dtype=np.int32),
    "best": np.linspace(0, 1, T, dtype=np.float32),
    "index": np.tile(np.linspace(0.9, 0.3, T, dtype=np.float32)[:, None], 3),
}
every_stop = pytest.mark.parametrize("name", c.STOPS)


def columns(rule, trace):
    return {name: jnp.asarray(trace[name]) for name in rule.reads}


def by_hand(rule, trace):
    """The fold, in plain Python."""
    memory, said = rule.init(), []
    for t in range(T):
        memory = rule.observe(memory, {k: v[t] for k, v in trace.items()})
        said.append(bool(rule.says(memory)))
    return said


@every_stop
def test_it_satisfies_the_protocol_and_reads_what_it_says(name):
    rule = c.STOPS[name]()
    assert isinstance(rule, al.StopRule)
    assert set(rule.reads) <= set(TRACE)
    for missing in rule.reads:
        with pytest.raises(ValueError, match=f"lacks {missing}"):
            al.replay(rule, {k: v for k, v in TRACE.items() if k != missing})


@every_stop
def test_replay_equals_a_loop_in_python(name):
    rule = c.STOPS[name]()
    said = np.asarray(al.replay(rule, TRACE))
    np.testing.assert_array_equal(said, by_hand(rule, columns(rule, TRACE)))
    assert said.any(), "the trace should make every rule of the catalogue stop"
    assert not said[0], "and none at once"


@every_stop
def test_it_looks_at_nothing_to_come(name):
    """Decisions up to t do not change where the readings after t do."""
    rule = c.STOPS[name]()
    cut = {k: np.concatenate([v[:12], v[:8]]) for k, v in TRACE.items()}
    np.testing.assert_array_equal(al.replay(rule, TRACE)[:12], al.replay(rule, cut)[:12])


@every_stop
def test_vmap_over_floats_equals_a_loop_traced_once(name):
    traces = []

    @jax.jit
    def counted(rule, trace):
        traces.append(1)
        return al.replay(rule, trace)

    rules = [c.STOPS[name](f) for f in c.FLOATS]
    trace = columns(rules[0], TRACE)
    loop = jnp.stack([counted(rule, trace) for rule in rules])
    assert len(traces) == 1
    if not jax.tree.leaves(rules[0]):
        return
    stack = jax.tree.map(lambda *x: jnp.stack([jnp.asarray(a) for a in x]), *rules)
    together = jax.vmap(lambda rule: al.replay(rule, trace))(stack)
    np.testing.assert_array_equal(together, loop)


@every_stop
def test_nan_never_stops_a_run(name):
    """NaN readings say nothing, neither yes nor error; whole numbers stay as they are."""
    rule = c.STOPS[name]()
    spoiled = {k: v * np.nan if v.dtype.kind == "f" else v for k, v in TRACE.items()}
    if any(TRACE[k].dtype.kind == "f" for k in rule.reads) and name != "AnyOf":
        assert not np.asarray(al.replay(rule, spoiled)).any()


@every_stop
def test_it_can_be_saved_and_loaded_and_keeps_its_types(name):
    rule = c.STOPS[name]()
    again = pickle.loads(pickle.dumps(rule))
    np.testing.assert_array_equal(al.replay(again, TRACE), al.replay(rule, TRACE))
    for wide in (False, True):
        with c.doubles(wide), jax.numpy_dtype_promotion("standard" if wide else "strict"):
            jax.eval_shape(al.replay, c.STOPS[name](), columns(rule, TRACE))


def counted(belief, menu, key, *, share=1.0):
    """A share of the labels seen."""
    return jnp.floor(belief.seen * share)


GAUGES = c.GAUGES | {
    "training_error": al.score(counted, share=0.0),
    "mistakes": al.score(counted, share=0.125),
    "audits": al.score(counted),
    "best": al.score(counted, share=0.2),
    "index": al.mean_entropy,
}
"""What every rule reads, from what a belief over classes can say."""


@al.record
class Sums:
    """A belief that is quick to compile: features summed by class."""

    sums: jax.Array
    seen: jax.Array

    def update(self, row, y):
        hit = (jnp.arange(c.C) == y) & row.open
        new = self.sums + jnp.where(hit[:, None], al.features(row.x), 0)
        return self.replace(sums=new, seen=self.seen + row.open)

    def probs(self, menu):
        return al.per_item(lambda x: jax.nn.softmax(x @ self.sums.T), menu.x)


LABELS = np.arange(40) % c.C
POOL = al.LabelPool(np.eye(c.C)[LABELS] + 0.6 * np.random.default_rng(0).normal(size=(40, c.D)), LABELS, price=0.3)
POLICY = al.Argmax(Sums(jnp.zeros((c.C, c.D)), jnp.zeros(())), al.margin_score)


@pytest.fixture(scope="module")
def runs():
    """Runs that never stop, with every reading recorded."""
    metrics = tuple(al.reading(name) for name in (*FIELDS, *DERIVED))
    watched = al.Until(POLICY, al.AnyOf(), GAUGES)
    return [simulated(watched, jax.random.key(s), metrics).metrics for s in range(RUNS)]


@functools.partial(c.quick, static_argnums=2)
def simulated(policy, key, metrics):
    return al.simulate(policy, POOL, key, horizon=T, record=metrics)[1]


LOOPED = [n for n, make in c.STOPS.items() if not isinstance(make(), al.When)] + ["fixed_budget", "price_above_gain"]
"""Each kind of memory, and two rules without one: those differ in nothing but their function."""


@pytest.mark.parametrize("name", LOOPED)
def test_the_loop_stops_where_the_replay_says(name, runs):
    rule = c.STOPS[name]()
    for seed, trace in enumerate(runs):
        said = np.asarray(al.replay(rule, trace))
        policy = al.Until(POLICY, rule, GAUGES)
        ran = simulated(policy, jax.random.key(seed), (al.labels,))
        stop = int(np.argmax(said)) if said.any() else T
        np.testing.assert_array_equal(np.asarray(ran.stopped), np.arange(T) >= stop)
        assert int(ran["labels"].sum()) == stop


def test_some_of_the_runs_stop(runs):
    ends = {n: [int(al.stopping_point(al.replay(make(), t))) for t in runs] for n, make in c.STOPS.items()}
    assert sum(min(e) < T - 1 for e in ends.values()) >= len(ends) - 3, ends
