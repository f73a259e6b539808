"""Small packing linear programs, solved exactly where they stand in a compiled loop."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

PIVOTS_A_SIDE = 8
"""The most pivots, for each variable and constraint."""


def packing(
    value: Float[Array, "K"], use: Float[Array, "K m"], limit: Float[Array, "m"]
) -> tuple[Float[Array, "K"], Float[Array, "m"]]:
    r"""The law p on K arms, or none, that maximises :math:`p^\top v` with :math:`p^\top C \le b`, and what b is worth.

    :math:`p \ge 0` sums to at most 1; `limit` is at least 0. Returns p and the prices (dual values) of the m
    resources. The simplex method from the slack basis; Bland's rule, so that ties don't cycle. Time: O((K + m) m) a
    pivot, a few pivots. Cite: bland1977new.
    """
    arms, resources = use.shape
    rows = resources + 1
    tiny = 32 * jnp.finfo(value.dtype).eps
    body = jnp.concatenate([use.T, jnp.ones((1, arms), value.dtype)])
    right = jnp.concatenate([limit, jnp.ones(1, value.dtype)])
    table = jnp.concatenate([body, jnp.eye(rows, dtype=value.dtype), right[:, None]], 1)
    top = jnp.concatenate([-value, jnp.zeros(rows + 1, value.dtype)])
    basis = arms + jnp.arange(rows)
    scale = jnp.maximum(jnp.abs(value).max(), 1)

    def enters(top: Array) -> Array:
        return top[:-1] < -tiny * scale

    def more(state: tuple[Array, Array, Array, Array]) -> Array:
        _, top, _, pivots = state
        return enters(top).any() & (pivots < PIVOTS_A_SIDE * (arms + rows))

    def pivot(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        table, top, basis, pivots = state
        column = jnp.argmax(enters(top))
        rates = table[:, column]
        ratio = jnp.where(rates > tiny, table[:, -1] / jnp.where(rates > tiny, rates, 1), jnp.inf)
        leaving = jnp.where(ratio <= ratio.min() * (1 + tiny) + tiny, basis, arms + rows)
        row = jnp.argmin(leaving)
        line = table[row] / table[row, column]
        table = (table - rates[:, None] * line).at[row].set(line)
        return table, top - top[column] * line, basis.at[row].set(column), pivots + 1

    table, top, basis, _ = jax.lax.while_loop(more, pivot, (table, top, basis, jnp.int32(0)))
    found = jnp.zeros(arms + rows, value.dtype).at[basis].set(jnp.maximum(table[:, -1], 0))
    return found[:arms], jnp.maximum(top[arms : arms + resources], 0)
