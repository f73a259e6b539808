"""Stop rules over a recorded trace: the decisions they would have taken, and what those would have cost."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Scalar
from altheory.core.record import is_traced
from altheory.stopping.rule import StopRule, advance


def replay(rule: StopRule, trace: Mapping[str, Any]) -> Bool[Array, "T"]:
    """What a rule says at each reading of a trace `{name: [T, ...]}`, knowing that reading and those before it.

    Reading t holds what was known with `labels[t]` labels bought; the decision is the one `Until` takes there.
    Pure, so it can be mapped over runs and over a rule's numbers. Raises `ValueError` where the trace lacks what the
    rule reads, is empty, or has columns of different lengths.
    """
    missing = [name for name in rule.reads if name not in trace]
    if missing:
        raise ValueError(
            f"the trace lacks {', '.join(missing)}, which {type(rule).__name__} reads; it has {', '.join(trace)}"
        )
    columns = {name: jnp.asarray(trace[name]) for name in rule.reads}
    lengths = {name: c.shape[0] if c.ndim else 0 for name, c in columns.items()}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        raise ValueError(f"the columns of a trace must have one length, of at least 1; they have {lengths}")
    if not columns:
        size = np.shape(next(iter(trace.values())))[0]
        return jnp.broadcast_to(rule.says(rule.init()), size)
    return _decisions(rule, columns) if is_traced((rule, columns)) else _compiled(rule, columns)


def remembered(rule: StopRule, trace: Mapping[str, Any]) -> Any:
    """A rule's memory after the whole of a trace."""

    def step(memory: Any, seen: Mapping[str, Array]) -> tuple[Any, None]:
        return advance(rule, memory, seen), None

    return jax.lax.scan(step, rule.init(), {name: jnp.asarray(trace[name]) for name in rule.reads})[0]


def _decisions(rule: StopRule, columns: Mapping[str, Array]) -> Bool[Array, "T"]:
    def step(memory: Any, seen: Mapping[str, Array]) -> tuple[Any, Array]:
        memory = advance(rule, memory, seen)
        return memory, rule.says(memory)

    return jax.lax.scan(step, rule.init(), dict(columns))[1]


_compiled = jax.jit(_decisions)


def stopping_point(says: Bool[Array, "*runs T"]) -> Int[Array, "*runs"]:
    """The index of the first yes; the last index where a rule never stops."""
    says = jnp.asarray(says)
    return jnp.where(says.any(-1), jnp.argmax(says, -1), says.shape[-1] - 1)


def total_cost(spent: Float[Array, "*n"], error: Float[Array, "*n"], stake: Scalar) -> Float[Array, "*n"]:
    r"""Labels' price plus errors' cost over the intended use, :math:`C_n = c_n + M e_n`, in money.

    `stake` M is the cost of one error times the predictions to be made. Cite: pullarstrecker2024hitting.
    """
    return spent + stake * error
