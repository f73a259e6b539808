"""The largest of many values, most of which are never computed: upper bounds rule them out."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def lazy_argmax(
    evaluate: Callable[[Int[Array, "block"]], Float[Array, "block"]],
    bounds: Float[Array, "items"],
    block: int,
    *,
    slack: float = 0.0,
) -> tuple[Float[Array, "items"], Int[Array, ""], Float[Array, ""], Int[Array, ""]]:
    """Evaluate items in the order of their upper `bounds`, a block at a time, until the largest value is certain.

    Returns the bounds, lowered to the values where those were computed; the item (the lowest index, in a tie); its
    value; the number evaluated. Items of bound minus infinity are out. `slack` is by how much rounding could lift a
    value above its bound. Cite: minoux1978accelerated.
    """
    items, block = bounds.shape[0], min(block, bounds.shape[0])

    def unsure(carry: Any) -> Array:
        left, _, item, best, _ = carry
        top = jnp.argmax(left).astype(jnp.int32)
        return (left[top] > -jnp.inf) & ((left[top] > best - slack) | ((left[top] == best) & (top < item)))

    def step(carry: Any) -> Any:
        left, known, item, best, count = carry
        top, index = jax.lax.top_k(left, block)
        fresh = top > -jnp.inf
        value = jnp.where(fresh, evaluate(index), -jnp.inf)
        most = value.max()
        first = jnp.where(value == most, index, items).min().astype(item.dtype)
        wins = (most > best) | ((most == best) & (first < item))
        return (
            left.at[index].set(-jnp.inf),
            known.at[index].set(jnp.where(fresh, value, known[index])),
            jnp.where(wins, first, item),
            jnp.maximum(most, best),
            count + fresh.sum().astype(jnp.int32),
        )

    last, zero = jnp.array(items - 1, jnp.int32), jnp.array(0, jnp.int32)
    start = (bounds, bounds, last, jnp.array(-jnp.inf, bounds.dtype), zero)
    return jax.lax.while_loop(unsure, step, start)[1:]
