"""What prizes share: how their numbers are read, and the root of an expected excess."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Key
from altheory.core.record import is_traced

Numbers = Float[Array, "..."] | Any
"""What a prize is built from: numbers of the prize's shape, in whatever form they come."""

Threshold = Float[Array, "..."]


@runtime_checkable
class Prize(Protocol):
    r"""A law of prizes, or many at once along its `shape`.

    `excess(k)` is :math:`E(V - k)_+`, `tail(k)` :math:`P(V > k)`, `reservation(price)` the root :math:`\kappa` of
    :math:`E(V - \kappa)_+ = c`, `sample(key)` one draw of each; `events` counts the axes of its numbers past `shape`.
    """

    events: int

    @property
    def shape(self) -> tuple[int, ...]: ...
    def spread(self, shape: tuple[int, ...]) -> "Prize": ...
    def mean(self) -> Float[Array, "..."]: ...
    def variance(self) -> Float[Array, "..."]: ...
    def excess(self, k: Threshold) -> Float[Array, "..."]: ...
    def tail(self, k: Threshold) -> Float[Array, "..."]: ...
    def reservation(self, price: Float[Array, "..."]) -> Float[Array, "..."]: ...
    def sample(self, key: Key) -> Float[Array, "..."]: ...


def floats(x: Any) -> Any:
    """Numbers as they are where they are floating, else in the platform's precision."""
    x = x if is_traced(x) else jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.result_type(float))


def batch(prize: Any) -> tuple[int, ...]:
    """The shape of a prize whose numbers carry `events` axes past it."""
    leaves = jax.tree.leaves(prize)
    return jnp.broadcast_shapes(*(x.shape[: x.ndim - prize.events] for x in map(jnp.asarray, leaves)))


def widen(prize: Any, shape: tuple[int, ...]) -> Any:
    """A prize whose numbers carry `events` axes past their shape, each repeated along `shape`."""
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (*shape, *jnp.shape(x)[jnp.ndim(x) - prize.events :])), prize)


def root(
    excess: Callable[[Array], Array],
    tail: Callable[[Array], Array],
    price: Float[Array, "..."],
    low: Float[Array, "..."],
    high: Float[Array, "..."],
) -> Float[Array, "..."]:
    r"""The root of a decreasing :math:`E(V - k)_+ = c` between `low` and `high`, at machine precision.

    Newton's step on the logarithm, kept inside the bracket; a third of the steps halve the bracket instead.
    """
    eps = jnp.finfo(price.dtype).eps
    shape = jnp.broadcast_shapes(price.shape, low.shape, high.shape)
    low, high = (jnp.broadcast_to(x, shape) for x in (low, high))

    def step(carry: tuple[Array, Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array, Array]:
        i, low, high, k, _ = carry
        over, mass = excess(k), tail(k)
        low, high = jnp.where(over >= price, k, low), jnp.where(over <= price, k, high)
        newton = k + (jnp.log(over) - jnp.log(price)) * over / mass
        inside = (newton > low) & (newton < high) & (i % 3 != 2)
        new = jnp.where(inside, newton, low + 0.5 * (high - low))
        done = (jnp.abs(new - k) <= eps * jnp.abs(new)) | (high - low <= 2 * eps * jnp.abs(new))
        return i + 1, low, high, jnp.where(over == price, k, new), done | (over == price)

    def going(carry: tuple[Array, Array, Array, Array, Array]) -> Array:
        return (carry[0] < 400) & ~carry[-1].all()

    start = (jnp.int32(0), low, high, low + 0.5 * (high - low), high <= low)
    return jax.lax.while_loop(going, step, start)[3]


def climb(excess: Callable[[Array], Array], price: Array, low: Array, size: Array) -> tuple[Array, Array]:
    """A bracket of the root above `low`: steps that double from `size` until the excess falls to the price."""

    def going(carry: tuple[Array, Array]) -> Array:
        return (excess(carry[1]) > price).any()

    def step(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        _, high = carry
        far = excess(high) > price
        return jnp.where(far, high, carry[0]), jnp.where(far, low + 2 * (high - low), high)

    shape = jnp.broadcast_shapes(price.shape, low.shape, size.shape)
    start = (jnp.broadcast_to(low, shape), jnp.broadcast_to(low + size, shape))
    return jax.lax.while_loop(going, step, start)


@jax.custom_jvp
def solved(prize: Any, price: Array) -> Array:
    """`prize.solve(price)`, with the derivative of an implicit function: its loop is not differentiated."""
    return jax.tree.map(jnp.asarray, prize).solve(jnp.asarray(price))


def _solved_slope(primals: tuple[Any, Any], tangents: tuple[Any, Any]) -> tuple[Array, Array]:
    r"""Of :math:`E(V - \kappa)_+ = c`: :math:`d\kappa = (\partial E\,d\theta - dc)/P(V > \kappa)`."""
    leaves, structure = jax.tree.flatten(primals[0])
    leaves = [jnp.asarray(x) for x in leaves]
    prize, price = jax.tree.unflatten(structure, leaves), jnp.asarray(primals[1])
    turns = jax.tree.leaves(tangents[0], is_leaf=_still)
    k = solved(prize, price)
    moving = [i for i, turn in enumerate(turns) if not _still(turn)]

    def excess(*moved: Array) -> Array:
        now = dict(zip(moving, moved, strict=True))
        return jax.tree.unflatten(structure, [now.get(i, x) for i, x in enumerate(leaves)]).excess(k)

    push = -tangents[1] if not _still(tangents[1]) else jnp.zeros_like(k)
    if moving:
        push = push + jax.jvp(excess, tuple(leaves[i] for i in moving), tuple(turns[i] for i in moving))[1]
    return k, push / prize.tail(k)


def _still(tangent: Any) -> bool:
    return isinstance(tangent, jax.custom_derivatives.SymbolicZero)


solved.defjvp(_solved_slope, symbolic_zeros=True)
