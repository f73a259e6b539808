"""Scores for beliefs: thin wrappers over the array kernels."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Key, Menu, features, needs
from altheory.scores.committee import consensus_kl, variation_ratio, vote_entropy
from altheory.scores.gradient import expected_gradient_length
from altheory.scores.information import bald
from altheory.scores.lookahead import Loss, expected_error_reduction
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
    """One minus the likeliest class's probability: `least_confidence(belief.probs(menu))`.

    Cite: lewis1994sequential.
    """
    return least_confidence(belief.probs(menu))


@needs("probs")
def gradient_length_score(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    """How far one label is expected to move the last layer: `expected_gradient_length(belief.probs(menu), x)`.

    `x` are the menu's features as the belief sees them; ids stand for one-hot rows. Cite: settles2007multiple.
    """
    x = seen(belief, menu)
    return expected_gradient_length(belief.probs(menu), x if x.ndim == 2 else jnp.ones((*x.shape, 1)))


def seen(belief: Any, menu: Menu) -> Array:
    """Features as the belief sees them: its embedding where it has one, such as a network's last layer."""
    return belief.embed(menu) if hasattr(belief, "embed") else features(menu.x)


@needs("predictive")
def bald_score(belief: Any, menu: Menu, key: Key, *, draws: int = 32) -> Float[Array, "K"]:
    r"""Information about the parameters in the label that would be bought, :math:`I(\theta; y_k)` in nats.

    `bald(belief.predictive(menu, key, draws))`: the predictive law includes the row's error rate, so a noisy label is
    worth less. Memory: draws x K x C. Cite: houlsby2011bayesian.
    """
    return bald(belief.predictive(menu, key, draws))


@needs("predictive")
def vote_entropy_score(belief: Any, menu: Menu, key: Key, *, draws: int = 32) -> Float[Array, "K"]:
    """Entropy of the likeliest classes over posterior draws, in nats: `vote_entropy(belief.predictive(...))`.

    Memory: draws x K x C. Cite: dagan1995committee.
    """
    return vote_entropy(belief.predictive(menu, key, draws))


@needs("predictive")
def variation_ratio_score(belief: Any, menu: Menu, key: Key, *, draws: int = 32) -> Float[Array, "K"]:
    """The share of posterior draws outside the majority: `variation_ratio(belief.predictive(...))`.

    Memory: draws x K x C. Cite: freeman1965elementary.
    """
    return variation_ratio(belief.predictive(menu, key, draws))


@needs("predictive")
def consensus_kl_score(belief: Any, menu: Menu, key: Key, *, draws: int = 32) -> Float[Array, "K"]:
    """Mean divergence of posterior draws from their average, in nats: the same number as `bald_score`.

    Memory: draws x K x C. Cite: mccallum1998employing.
    """
    return consensus_kl(belief.predictive(menu, key, draws))


@needs("predictive")
def error_reduction_score(
    belief: Any, menu: Menu, key: Key, *, draws: int = 32, targets: int = 64, loss: Loss = "error"
) -> Float[Array, "K"]:
    r"""By how much one label is expected to lower the mean loss on the menu, under `draws` posterior draws.

    `expected_error_reduction(p, p[:, sample], loss=loss)` with the predictions p of the menu rows, and `targets` of
    them drawn afresh as what one wants to predict (all, where there are no more). `loss` is "error", "log" or "brier".
    Time: draws x K x C x targets x C. Memory: draws x K x C. Cite: roy2001toward.
    """
    predict_key, sample_key = jax.random.split(key)
    p = belief.predictive(menu, predict_key, draws)
    items = p.shape[1]
    if targets >= items:
        return expected_error_reduction(p, p, loss=loss)
    return expected_error_reduction(p, p[:, jax.random.permutation(sample_key, items)[:targets]], loss=loss)


@needs("predictive")
def epig_score(belief: Any, menu: Menu, key: Key, *, draws: int = 32, targets: int = 64) -> Float[Array, "K"]:
    r"""Information in an item's label about labels sampled from the menu, :math:`\tfrac1T\sum_tI(y_k;y_t)`, in nats.

    `error_reduction_score` with the loss "log"; the menu stands for the inputs one wants to predict.
    Cite: bickfordsmith2023prediction.
    """
    return error_reduction_score(belief, menu, key, draws=draws, targets=targets, loss="log")
