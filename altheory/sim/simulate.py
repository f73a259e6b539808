"""The loop, compiled: one `lax.scan` over rounds."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from altheory.core import Key, record
from altheory.core.check import at_least
from altheory.core.compile import quick_options
from altheory.core.keys import initial_keys, round_keys
from altheory.core.record import is_traced
from altheory.core.status import CLOSED_ITEM, NAN_OUTCOME, OK, flag
from altheory.sim.agree import check_agreement
from altheory.sim.metrics import Metric, Round, regret


@record
class Trace:
    """A run: `item` `[T]` (or `[T, q]`), `stopped` `[T]`, the status bits, and the metrics asked for, each `[T]`."""

    item: Int[Array, "T *q"]
    stopped: Bool[Array, "T"]
    status: Int[Array, ""]
    metrics: dict[str, Array]

    def __getitem__(self, name: str) -> Array:
        return self.metrics[name]


def simulate(
    policy: Any, oracle: Any, key: Key, *, horizon: int, record: Sequence[Metric] = (regret,)
) -> tuple[Any, Trace]:
    """Run a policy against an oracle for `horizon` rounds; returns the final state and the trace.

    Compiled once for each structure of policy and oracle: a changed float retraces nothing, and the whole is a
    function to `vmap` over keys, policies or oracles. Once the policy stops, nothing is bought and nothing changes.
    Raises `ValueError` where `horizon` is below 1, or policy and oracle do not fit together.
    """
    at_least("simulate horizon", horizon, 1)
    check_agreement(policy, oracle)
    if is_traced((policy, oracle, key, jnp.zeros(()))):
        return run(policy, oracle, key, horizon=horizon, record=tuple(record))
    return _compiled()(policy, oracle, key, horizon=horizon, record=tuple(record))


def run(policy: Any, oracle: Any, key: Key, *, horizon: int, record: tuple[Metric, ...]) -> tuple[Any, Trace]:
    """`simulate` without checks and without jit. The keys of all rounds are made at once, 32 bytes a round."""
    policy_key, oracle_key = initial_keys(key)
    rounds = jax.vmap(lambda t: round_keys(key, t))(jnp.arange(1, horizon + 1))

    def step(carry: tuple[Any, Any, Array, Array], keys: Any) -> tuple[Any, tuple[Array, Array, dict[str, Array]]]:
        state, world, live, status = carry
        select_key, answer_key = keys
        menu = oracle.offer(world)
        choice = policy.select(state, menu, select_key)
        live = live & ~choice.stop
        closed = choice.valid & live & ~menu.open[choice.item]
        choice = choice.replace(valid=choice.valid & live & ~closed)
        after, outcome = oracle.answer(world, choice, answer_key)
        learned = policy.update(state, menu, choice, outcome)
        seen = Round(policy, oracle, state, learned, world, menu, choice, outcome)
        status = status | jnp.where(live, choice.status, OK) | flag(closed.any(), CLOSED_ITEM)
        status = status | flag((choice.valid & _nan(outcome.y, choice.valid)).any(), NAN_OUTCOME)
        shown = jnp.where(choice.valid, choice.item, -1)
        return (learned, after, live, status), (shown, ~live, {_name(m): m(seen) for m in record})

    start = (policy.init(policy_key), oracle.init(oracle_key), jnp.bool_(True), jnp.int32(OK))
    (state, _, _, status), (item, stopped, metrics) = jax.lax.scan(step, start, rounds)
    status = status | getattr(_acting(state), "status", OK)
    return state, Trace(item, stopped, status, metrics)


@functools.cache
def _compiled() -> Callable[..., tuple[Any, Trace]]:
    return jax.jit(run, static_argnames=("horizon", "record"), compiler_options=quick_options())


def _name(metric: Metric) -> str:
    return metric.__name__


def _acting(state: Any) -> Any:
    while hasattr(state, "inner"):
        state = state.inner
    return state


def _nan(y: Any, like: Array) -> Array:
    bad = [
        jnp.isnan(x).reshape(*like.shape, -1).any(-1)
        for x in jax.tree.leaves(y)
        if jnp.issubdtype(x.dtype, jnp.floating)
    ]
    return jnp.stack(bad).any(0) if bad else jnp.zeros(like.shape, bool)
