"""Stop rules: `(belief, menu, scores) -> bool`, asked before anything is bought in a round."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.core import Menu, Scalar, Score, score
from altheory.policies.pick import worth


def never(belief: Any, menu: Menu, scores: Float[Array, "K"]) -> Bool[Array, ""]:
    """Go on as long as anything is open."""
    return jnp.bool_(False)


def below(threshold: Scalar) -> Score:
    """Stop once no open item's score exceeds `threshold`."""
    return score(_below, threshold=threshold)


def _below(belief: Any, menu: Menu, scores: Float[Array, "K"], *, threshold: Scalar) -> Bool[Array, ""]:
    return worth(scores, menu.open).max() <= threshold
