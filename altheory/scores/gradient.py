"""The last layer's gradients: how long a step a label would make the model take, and batches that spread them."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from altheory.core import Key
from altheory.core.check import at_least, finite
from altheory.scores.inputs import Mask, as_floats, check_probabilities, open_items, raise_if_nan, sum_rows
from altheory.scores.squared_distance import REFRESH, Products, squared_distance_sample
from altheory.scores.uncertainty import Probs


def expected_gradient_length(
    probs: Probs, x: Float[Array, "items d"] | Float[np.ndarray, "items d"]
) -> Float[Array, "items"]:
    r"""Expected length of the last layer's gradient, :math:`\|x\|\sum_yp_y\|p-e_y\|_2`.

    The gradient of the cross-entropy of label y in the weights of a softmax layer is :math:`(p-e_y)\otimes x`. `probs`
    is `[items, classes]`, `x [items, d]` what the layer sees. 0 where the label is certain. Memory: the scores. Raises
    `ValueError` where rows are not probabilities, on NaN, or where the items differ. Cite: settles2007multiple.
    """
    p, h = probabilities_and_features(probs, x)
    score = _expected_gradient_length(p, h)
    raise_if_nan("x", h, score)
    return score


def badge(
    probs: Probs,
    x: Float[Array, "items d"] | Float[np.ndarray, "items d"],
    size: int,
    *,
    key: Key,
    open: Mask = None,
    refresh: int = REFRESH,
) -> Int[Array, "size"]:
    r"""Sample `size` items whose last-layer gradients are long and far apart (BADGE).

    The gradient of item i at its likeliest label :math:`\hat y_i` is :math:`g_i = (p_i - e_{\hat y_i})\otimes x_i`,
    near 0 where the model is sure. The first pick is uniform over the open items, each other drawn with probability
    proportional to its squared distance to the nearest gradient picked: k-means++ seeding, as its theorem has it. No
    gradient is formed; the pool is passed over once in `refresh` picks, which changes the speed and the randomness
    used but not the law. `probs` is `[items, classes]`, `x [items, d]` what the last layer sees.

    Memory beyond the input: items x (classes + 4) + (4096 + refresh) x (classes + d). Raises `ValueError` where rows
    are not probabilities, on NaN, where the items differ, or where `size` exceeds the open items. Cite: ash2020deep,
    arthur2007kmeans.
    """
    p, h = probabilities_and_features(probs, x)
    finite("x", h)
    at_least("refresh", refresh, 1)
    mask = open_items(open, p.shape[0], size)
    return squared_distance_sample(_gradients(p, h), mask, key, size, refresh)


@jax.jit
def _gradients(p: Array, h: Array) -> Products:
    return Products.of(p - jax.nn.one_hot(p.argmax(-1), p.shape[1], dtype=p.dtype), h)


def probabilities_and_features(
    probs: Probs, x: object
) -> tuple[Float[Array, "items classes"], Float[Array, "items d"]]:
    """Both as floating arrays of one dtype, checked to describe the same items."""
    p = as_floats("probs", probs, axes="items classes")
    h = as_floats("x", x, axes="items d")
    if p.shape[0] != h.shape[0]:
        raise ValueError(f"x must have a row for each of the {p.shape[0]} items of probs; it has {h.shape[0]}")
    check_probabilities("probs", p)
    dtype = jnp.promote_types(p.dtype, h.dtype)
    return p.astype(dtype), h.astype(dtype)


@jax.jit
def _expected_gradient_length(p: Array, h: Array) -> Float[Array, "items"]:
    top = jax.nn.one_hot(p.argmax(-1), p.shape[-1], dtype=bool)
    rest = sum_rows(jnp.where(top, 0, p**2))[:, None]  # of the others where one is the likeliest: nothing cancels
    others = jnp.where(top, rest, rest + p.max(-1, keepdims=True) ** 2 - p**2)
    squares = (1 - p) ** 2 + others
    return sum_rows(p * jnp.sqrt(jnp.maximum(squares, 0))) * jnp.sqrt((h**2).sum(-1))
