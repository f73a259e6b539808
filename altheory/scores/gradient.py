"""How long a step the label would make the model take."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.scores.inputs import as_floats, check_probabilities, raise_if_nan, sum_rows
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
    squares = sum_rows(p**2)[:, None] - 2 * p + 1
    return sum_rows(p * jnp.sqrt(jnp.maximum(squares, 0))) * jnp.sqrt((h**2).sum(-1))
