"""BatchBALD: the batch whose labels together say most about the model."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Key, record
from altheory.core.check import at_least
from altheory.core.numerics import dot, plogp
from altheory.scores.configurations import Configurations
from altheory.scores.information import Draws, conditional_entropy
from altheory.scores.inputs import Mask, as_floats, check_probabilities, open_items
from altheory.scores.lazy import lazy_argmax

SLACK = 1e-5
"""Nats by which rounding could lift an exact gain above its bound: candidates this close are evaluated too."""


@record
class JointInformation:
    """A batch in the order it was picked, and what its labels say about the model.

    `picks [size]`; `information [size]`, the joint mutual information in nats after each pick; `exact [size]`, whether
    that is the joint entropy itself or an estimate from sampled configurations; `evaluated [size]`, how many candidates
    were evaluated in full at each pick, the others being ruled out by bounds.
    """

    picks: Int[Array, "size"]
    information: Float[Array, "size"]
    exact: Bool[Array, "size"]
    evaluated: Int[Array, "size"]


def batch_bald(
    probs: Draws,
    size: int,
    *,
    key: Key,
    open: Mask = None,
    configurations: int = 1024,
    block: int = 64,
    groups: int = 64,
) -> JointInformation:
    r"""Greedily pick `size` items to maximise :math:`I(y_{x_1},\dots,y_{x_q};\theta)`.

    `probs` is `[draws, items, classes]`. The gain of x is
    :math:`\sum_kw_kH(\bar p_k(x)) - \tfrac1M\sum_mH(p_m(x))` over configurations k of the labels of the items picked so
    far, :math:`\bar p_k` the predictive given k. All configurations of positive probability are kept while there are at
    most `configurations` of them; from there on they are thinned without bias, with no more randomness than that asks
    for. A candidate is evaluated in full only where its certified bound exceeds the best gain found, so that the picks
    are those of the full search: the same sum over `groups` merged configurations (entropy is concave) and, until the
    first thinning, its gains in earlier rounds (information is submodular). Ties go to the lowest index. Only items
    `open` are picked.

    Memory beyond the input: configurations x (draws + classes x (2 + block)) + groups x classes x 1024 + 4 items.
    Raises `ValueError` where rows are not probabilities or `size` exceeds the open items. Cite: kirsch2019batchbald.
    """
    p = as_floats("probs", probs, axes="draws items classes")
    mask = open_items(open, p.shape[1], size)
    for name, value in (("configurations", configurations), ("block", block), ("groups", groups)):
        at_least(name, value, 1)
    check_probabilities("probs", p)
    capacity = min(configurations, p.shape[2] ** (size - 1))
    return _greedy(p, mask, key, size, capacity, min(block, p.shape[1]), min(groups, capacity))


def joint_information(probs: Draws, items: Any, *, key: Key, configurations: int = 1024) -> Float[Array, "size"]:
    r"""The joint mutual information :math:`I(y_{x_1},\dots,y_{x_j};\theta)` of `items [size]`, for each j, in nats.

    Exact while the labels have at most `configurations` joint values of positive probability (each label but the last),
    and unbiased for a batch chosen without looking at the same key beyond that. Memory: configurations x (draws + 2
    classes). Raises as `batch_bald` does. Cite: kirsch2019batchbald.
    """
    p = as_floats("probs", probs, axes="draws items classes")
    chosen = jnp.asarray(items)
    if chosen.ndim != 1 or chosen.size == 0 or not jnp.issubdtype(chosen.dtype, jnp.integer):
        raise ValueError(f"items must be a nonempty [size] array of indices; its shape is {chosen.shape}")
    at_least("configurations", configurations, 1)
    check_probabilities("probs", p)
    return _joint(p, chosen, key, min(configurations, p.shape[2] ** (chosen.size - 1)))


@partial(jax.jit, static_argnames="capacity")
def _joint(p: Array, chosen: Array, key: Key, capacity: int) -> Float[Array, "size"]:
    noise = conditional_entropy(p[:, chosen])

    def add(joint: Configurations, now: tuple[Array, Array, Array]) -> tuple[Configurations, Array]:
        t, item, own = now
        gain = _gains(joint.weight, joint.posterior, p[:, item][:, None])[0] - own
        return joint.extend(p[:, item], jax.random.fold_in(key, t)), gain

    start = Configurations.of_nothing(capacity, p.shape[0], p.dtype)
    gains = jax.lax.scan(add, start, (jnp.arange(chosen.size, dtype=jnp.int32), chosen, noise))[1]
    return jnp.cumsum(gains)


@partial(jax.jit, static_argnames=("size", "capacity", "block", "groups"))
def _greedy(p: Array, open: Array, key: Key, size: int, capacity: int, block: int, groups: int) -> JointInformation:
    noise = conditional_entropy(p)

    def pick(t: Array, carry: tuple[Configurations, Array, JointInformation]) -> Any:
        joint, known, batch = carry
        bound = _bounds(*joint.coarse(groups), p) - noise
        known = jnp.minimum(bound, jnp.where(joint.exact | (known == -jnp.inf), known, jnp.inf))

        def gains(index: Array) -> Array:
            return _gains(joint.weight, joint.posterior, p[:, index]) - noise[index]

        known, item, gain, evaluated = lazy_argmax(gains, known, block, slack=SLACK)
        batch = JointInformation(
            batch.picks.at[t].set(item),
            batch.information.at[t].set(gain),
            batch.exact.at[t].set(joint.exact),
            batch.evaluated.at[t].set(evaluated),
        )
        return joint.extend(p[:, item], jax.random.fold_in(key, t)), known.at[item].set(-jnp.inf), batch

    none = jnp.zeros(size, jnp.int32)
    start = JointInformation(none, jnp.zeros(size, p.dtype), jnp.zeros(size, bool), none)
    nothing = Configurations.of_nothing(capacity, p.shape[0], p.dtype)
    known = jnp.where(open, jnp.asarray(jnp.inf, p.dtype), -jnp.inf)
    batch = jax.lax.fori_loop(0, size, pick, (nothing, known, start))[2]
    return JointInformation(batch.picks, jnp.cumsum(batch.information), batch.exact, batch.evaluated)


def _gains(weight: Array, posterior: Array, p: Float[Array, "M B C"]) -> Float[Array, "B"]:
    """Expected predictive entropy of each of B candidates over the configurations."""
    predictive = dot(posterior, p.reshape(p.shape[0], -1))
    return -dot(weight, plogp(predictive)).reshape(p.shape[1:]).sum(-1)


def _bounds(weight: Float[Array, "G"], joint: Float[Array, "G M"], p: Array, *, chunk: int = 1024) -> Array:
    """`_gains` over merged configurations for every item, in chunks of the pool."""
    draws, items, classes = p.shape
    posterior = joint / jnp.maximum(weight, jnp.finfo(p.dtype).tiny)[:, None]
    width = min(chunk, items)

    def one(i: Array, out: Array) -> Array:
        start = jnp.minimum(i * width, items - width)
        rows = jax.lax.dynamic_slice(p, (0, start, 0), (draws, width, classes))
        return jax.lax.dynamic_update_slice(out, _gains(weight, posterior, rows), (start,))

    return jax.lax.fori_loop(0, -(-items // width), one, jnp.zeros(items, p.dtype))
