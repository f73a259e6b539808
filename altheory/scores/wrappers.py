"""Scores for beliefs: thin wrappers over the array kernels."""

from typing import Any

from jaxtyping import Array, Float

from altheory.core import Key, Menu, needs
from altheory.scores.information import bald
from altheory.scores.uncertainty import entropy, least_confidence, margin


@needs("probs")
def entropy_score(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    """Entropy of the predicted class in nats: `entropy(belief.probs(menu))`. Cite: settles2009active."""
    return entropy(belief.probs(menu))


@needs("probs")
def margin_score(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    """How close the two likeliest classes are: `margin(belief.probs(menu))`. Cite: scheffer2001active."""
    return margin(belief.probs(menu))


@needs("probs")
def least_confidence_score(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    """One minus the likeliest class's probability: `least_confidence(belief.probs(menu))`. Cite: lewis1994sequential."""
    return least_confidence(belief.probs(menu))


@needs("predictive")
def bald_score(belief: Any, menu: Menu, key: Key, *, draws: int = 32) -> Float[Array, "K"]:
    r"""Information about the parameters in the label that would be bought, :math:`I(\theta; y_k)` in nats.

    `bald(belief.predictive(menu, key, draws))`: the predictive law includes the row's error rate, so a noisy label is
    worth less. Memory: draws x K x C. Cite: houlsby2011bayesian.
    """
    return bald(belief.predictive(menu, key, draws))
