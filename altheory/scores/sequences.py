"""Uncertainty of generated sequences: token scores averaged over the tokens that count."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from altheory.core.record import is_traced
from altheory.scores.inputs import as_floats
from altheory.scores.uncertainty import entropy

TokenProbs = Float[Array, "... tokens vocabulary"] | Float[np.ndarray, "... tokens vocabulary"]
TokenScores = Float[Array, "... tokens"] | Float[np.ndarray, "... tokens"]
Mask = Bool[Array, "... tokens"] | Bool[np.ndarray, "... tokens"]


def sequence_entropy(probs: TokenProbs, mask: Mask) -> Float[Array, "..."]:
    r"""Entropy per token, :math:`\frac{\sum_t m_tH(p_t)}{\sum_tm_t}`, in nats.

    `probs` is `[..., tokens, vocabulary]`; `mask [..., tokens]` is true at the tokens that count. A sequence with no
    token scores 0. Padding must still hold probabilities (zeros will not do: use a uniform row). Memory: one number a
    token. Raises as `entropy` does, and `ValueError` where the mask's shape differs. Cite: settles2008analysis.
    """
    as_floats("probs", probs, axes="... tokens vocabulary")
    return token_average(entropy(probs), mask)


def token_average(scores: TokenScores, mask: Mask) -> Float[Array, "..."]:
    """The mean of a score over the tokens where `mask` is true; 0 where there is none, whatever the padding holds.

    Both are `[..., tokens]`. Memory: one number a token. Raises `ValueError` where the shapes differ or a token that
    counts has NaN. Cite: settles2008analysis.
    """
    s = as_floats("scores", scores, axes="... tokens")
    if np.shape(mask) != s.shape:
        raise ValueError(f"mask must have the shape of the token scores, {s.shape}; its shape is {np.shape(mask)}")
    keep = jnp.asarray(mask).astype(bool)
    total = jnp.where(keep, s, 0).sum(-1)
    _raise_where_nan(total)
    return total / jnp.maximum(keep.sum(-1), 1).astype(s.dtype)


def _raise_where_nan(total: Any) -> None:
    if not is_traced(total) and bool(jnp.isnan(total).any()):
        at = np.argwhere(np.isnan(np.asarray(total)))[0].tolist()
        raise ValueError(f"scores must hold numbers where the mask is true; the sequence at {at} has NaN")
