"""One label ahead: what an item's label would say about the predictions on target items.

All of these work on posterior draws: the law after a label is the draws, reweighted by the probability they gave it.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core import Key
from altheory.core.check import at_least, finite, nonnegative
from altheory.core.numerics import dot, einsum, plogp
from altheory.scores.configurations import Configurations
from altheory.scores.information import Draws
from altheory.scores.inputs import Batch, Mask, as_floats, check_probabilities, open_items

Targets = Float[Array, "draws T labels"] | Float[np.ndarray, "draws T labels"]
Loss = Literal["error", "log", "brier"]


def epig(probs: Draws, targets: Targets, *, block: int = 16) -> Float[Array, "items"]:
    r"""Expected predictive information gain, :math:`\tfrac1T\sum_tI(y_x;y_t)`, in nats.

    `probs [draws, items, classes]` are the pool, `targets [draws, T, classes]` the inputs one wants to predict (draws
    in the same order). At least 0, at most `bald`, so an item informative about nothing asked scores 0. Memory beyond
    the input: block x classes x T x classes. Raises `ValueError` where rows are not probabilities or the draws differ.
    Cite: bickfordsmith2023prediction.
    """
    return expected_error_reduction(probs, targets, loss="log", block=block)


def expected_error_reduction(
    probs: Draws, targets: Targets, *, loss: Loss = "error", block: int = 16
) -> Float[Array, "items"]:
    r"""By how much one label is expected to lower the mean loss on `targets`.

    :math:`\tfrac1T\sum_t\bigl[\ell(\bar p_t) - \mathbb E_{y_x}\ell(p_t\mid y_x)\bigr]` for :math:`\ell(p)` one of
    :math:`1-\max p` ("error"), :math:`H(p)` in nats ("log", then it is `epig`) and :math:`1-\sum_cp_c^2` ("brier":
    variance reduction). At least 0, as each is concave. Shapes, memory and what raises: as `epig`; and an unknown
    loss. Cite: roy2001toward.
    """
    p, q = _pool_and_targets(probs, targets)
    if loss not in _LOSSES:
        raise ValueError(f"loss must be one of {', '.join(_LOSSES)}; it is {loss!r}")
    at_least("block", block, 1)
    return _reduction(p, q, _LOSSES[loss], min(block, p.shape[1]))


def variance_reduction(
    values: Float[Array, "draws items"] | Float[np.ndarray, "draws items"],
    targets: Float[Array, "draws T"] | Float[np.ndarray, "draws T"],
    *,
    noise: Float[Array, ""] | float,
) -> Float[Array, "items"]:
    r"""By how much one noisy outcome lowers the mean predictive variance on `targets`, under a joint Gaussian law.

    :math:`\tfrac1T\sum_t\mathrm{Cov}(f_x,f_t)^2/(\mathrm{Var}f_x+\sigma^2)`, with the moments of the draws; `noise` is
    :math:`\sigma`, in the unit of the values. 0 for an item without variance. Memory beyond the input: items x T in
    blocks of 1024 items. Raises `ValueError` on NaN or where the draws differ. Cite: cohn1996active.
    """
    f = as_floats("values", values, axes="draws items")
    g = as_floats("targets", targets, axes="draws T")
    if f.shape[0] != g.shape[0]:
        raise ValueError(f"targets must have the {f.shape[0]} draws that values has; it has {g.shape[0]}")
    nonnegative("noise", noise)
    dtype = jnp.promote_types(f.dtype, g.dtype)
    f, g = f.astype(dtype), g.astype(dtype)
    finite("values", f)
    finite("targets", g)
    return _variance_reduction(f, g, jnp.asarray(noise, f.dtype))


def batch_epig(
    probs: Draws,
    targets: Targets,
    size: int,
    *,
    key: Key,
    open: Mask = None,
    configurations: int = 64,
) -> Batch:
    r"""Greedily pick `size` items whose labels together say most about the targets' labels.

    The gain of x is :math:`\sum_kw_k\tfrac1T\sum_tI(y_x;y_t\mid k)` over configurations k of the labels picked so far
    (see `batch_bald`); `values` is their running sum, :math:`\tfrac1T\sum_tI(y_S;y_t)`, exact while all configurations
    are kept and unbiased for a fixed batch beyond. It is not submodular, so every candidate is evaluated each time.
    Memory beyond the input: configurations x (draws + classes x (2 + T x classes)) + items. Raises as `epig` does, and
    where `size` exceeds the open items. Cite: bickfordsmith2023prediction.
    """
    p, q = _pool_and_targets(probs, targets)
    mask = open_items(open, p.shape[1], size)
    at_least("configurations", configurations, 1)
    return _batch_epig(p, q, mask, key, size, min(configurations, p.shape[2] ** (size - 1)))


def _error(joint: Array, p: Array) -> Array:
    return joint.max(-1).sum(1).mean(-1)


def _log(joint: Array, p: Array) -> Array:
    return plogp(joint).sum(-1).sum(1).mean(-1) - plogp(p).sum(-1)


def _brier(joint: Array, p: Array) -> Array:
    ratio = (joint**2).sum(-1).mean(-1) / jnp.where(p > 0, p, 1)
    return ratio.sum(-1)


_LOSSES: dict[str, Callable[[Array, Array], Array]] = {"error": _error, "log": _log, "brier": _brier}


def _pool_and_targets(probs: Draws, targets: Targets) -> tuple[Array, Array]:
    p = as_floats("probs", probs, axes="draws items classes")
    q = as_floats("targets", targets, axes="draws T classes")
    if p.shape[0] != q.shape[0]:
        raise ValueError(f"targets must have the {p.shape[0]} draws that probs has; it has {q.shape[0]}")
    check_probabilities("probs", p)
    check_probabilities("targets", q)
    dtype = jnp.promote_types(p.dtype, q.dtype)
    return p.astype(dtype), q.astype(dtype)


@partial(jax.jit, static_argnames=("gain", "block"))
def _reduction(p: Array, q: Array, gain: Callable[[Array, Array], Array], block: int) -> Float[Array, "items"]:
    """Expected gain (minus the loss) after the label less that before it, in blocks of the pool."""
    draws, items, classes = p.shape
    before = gain(q.mean(0)[None, None], jnp.ones((1, 1), p.dtype))[0]

    def one(i: Array, out: Array) -> Array:
        start = jnp.minimum(i * block, items - block)
        rows = jax.lax.dynamic_slice(p, (0, start, 0), (draws, block, classes))
        joint = dot(rows.reshape(draws, -1).T / draws, q.reshape(draws, -1)).reshape(block, classes, *q.shape[1:])
        after = gain(joint, rows.mean(0))
        return jax.lax.dynamic_update_slice(out, jnp.maximum(after - before, 0), (start,))

    return jax.lax.fori_loop(0, -(-items // block), one, jnp.zeros(items, p.dtype))


@jax.jit
def _variance_reduction(f: Array, g: Array, noise: Array) -> Float[Array, "items"]:
    f, g = f - f.mean(0), g - g.mean(0)
    variance = (f**2).mean(0) + noise**2

    def one(column: Array) -> Array:
        return ((dot(column, g) / f.shape[0]) ** 2).mean()

    explained = jax.lax.map(one, f.T, batch_size=1024)
    return jnp.where(variance > 0, explained / jnp.where(variance > 0, variance, 1), 0)


@partial(jax.jit, static_argnames=("size", "capacity"))
def _batch_epig(p: Array, q: Array, open: Array, key: Key, size: int, capacity: int) -> Batch:
    flat = q.reshape(q.shape[0], -1)

    def gain(joint: Configurations, column: Float[Array, "M C"]) -> Array:
        """Sum over configurations of the label's information about the targets' labels, averaged over targets."""
        mixed = einsum("km,mc->kcm", joint.posterior, column)
        both = dot(mixed, flat).reshape(*mixed.shape[:2], *q.shape[1:])
        own, theirs = mixed.sum(-1), dot(joint.posterior, flat).reshape(-1, *q.shape[1:])
        information = plogp(both).sum((1, 3)).mean(-1) - plogp(own).sum(-1) - plogp(theirs).sum(-1).mean(-1)
        return dot(joint.weight, jnp.maximum(information, 0))

    def pick(carry: tuple[Configurations, Array], t: Array) -> tuple[tuple[Configurations, Array], tuple[Array, Array]]:
        joint, live = carry
        gains = jnp.where(live, jax.lax.map(lambda column: gain(joint, column), p.transpose(1, 0, 2)), -jnp.inf)
        item = jnp.argmax(gains).astype(jnp.int32)
        joint = joint.extend(p[:, item], jax.random.fold_in(key, t))
        return (joint, live.at[item].set(False)), (item, gains[item])

    start = (Configurations.of_nothing(capacity, p.shape[0], p.dtype), open)
    picks, gains = jax.lax.scan(pick, start, jnp.arange(size, dtype=jnp.int32))[1]
    return Batch(picks, jnp.cumsum(gains))
