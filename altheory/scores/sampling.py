"""Randomised scores: a posterior draw, or nothing but chance."""

from typing import Any

import jax
from jaxtyping import Array, Float

from altheory.core import Key, Menu, needs


@needs("sample")
def thompson(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    r"""Thompson sampling: the mean outcomes under one draw :math:`\theta \sim p(\theta \mid \text{history})`.

    Cite: thompson1933likelihood.
    """
    return belief.sample(menu, key)


def uniform(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    """Independent uniform scores: the highest is a uniformly random item."""
    return jax.random.uniform(key, menu.price.shape)
