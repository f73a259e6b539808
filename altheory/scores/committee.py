"""Disagreement within a committee: vote entropy, consensus divergence, variation ratio. Larger disagrees more."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from altheory.core.check import at_least
from altheory.core.numerics import plogp
from altheory.core.record import is_traced
from altheory.scores.information import Draws, bald
from altheory.scores.inputs import as_floats, check_probabilities

Votes = Int[Array, "members items"] | Int[np.ndarray, "members items"] | Draws


def vote_shares(votes: Votes, *, classes: int | None = None) -> Float[Array, "items classes"]:
    """The share of the committee that votes for each class.

    `votes` is `[members, items]`, class indices (then `classes` must be given), or `[members, items, classes]`,
    probabilities, of which each member votes for its likeliest (the first, in a tie). Memory: members x items +
    items x classes. Raises `ValueError` on any other shape, on votes outside `0..classes-1` and on rows that are not
    probabilities.
    """
    if np.ndim(votes) == 3:
        p = as_floats("votes", votes, axes="members items classes")
        check_probabilities("votes", p)
        labels, classes = p.argmax(-1), p.shape[-1]
    else:
        labels = _labels(votes)
        if classes is None:
            raise ValueError("classes must be given where votes are [members, items] class indices")
        at_least("classes", classes, 1)
        if not is_traced(labels) and not (int(labels.min()) >= 0 and int(labels.max()) < classes):
            raise ValueError(f"votes must lie in 0..{classes - 1}; they span {labels.min()}..{labels.max()}")
    return _shares(labels, classes)


def vote_entropy(votes: Votes, *, classes: int | None = None) -> Float[Array, "items"]:
    r"""Entropy of the committee's votes, :math:`-\sum_c v_c\log v_c`, in nats.

    `votes` and what raises: as in `vote_shares`. Memory: as `vote_shares`. Cite: dagan1995committee.
    """
    return jnp.maximum(-plogp(vote_shares(votes, classes=classes)).sum(-1), 0)


def variation_ratio(votes: Votes, *, classes: int | None = None) -> Float[Array, "items"]:
    r"""The share of the committee outside the majority, :math:`1 - \max_c v_c`.

    `votes` and what raises: as in `vote_shares`. Memory: as `vote_shares`. Cite: freeman1965elementary.
    """
    return 1 - vote_shares(votes, classes=classes).max(-1)


def consensus_kl(probs: Draws) -> Float[Array, "items"]:
    r"""Mean divergence of the members from their average, :math:`\tfrac1M\sum_m\mathrm{KL}(p_m\,\|\,\bar p)`, in nats.

    The same number as `bald`, with committee members for draws. `probs` is `[members, items, classes]`. Memory and what
    raises: as `bald`. Cite: mccallum1998employing.
    """
    return bald(probs)


@partial(jax.jit, static_argnames="classes")
def _shares(labels: Int[Array, "members items"], classes: int) -> Float[Array, "items classes"]:
    return jnp.stack([(labels == c).mean(0, dtype=jnp.result_type(float)) for c in range(classes)], -1)


def _labels(votes: Any) -> Int[Array, "members items"]:
    shape = np.shape(votes)
    if len(shape) != 2:
        raise ValueError(f"votes must be [members, items] or [members, items, classes]; its shape is {shape}")
    if 0 in shape:
        raise ValueError(f"votes is empty: its shape is {shape}; give at least one member and one item")
    labels = jnp.asarray(votes)
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(f"votes of shape [members, items] must be class indices; their type is {labels.dtype}")
    return labels
