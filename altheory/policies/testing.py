"""Which items to label when a model is to be measured."""

from typing import Any

import jax.numpy as jnp

from altheory.core import Scalar, score
from altheory.policies.argmax import Softmax
from altheory.policies.combine import Epsilon
from altheory.scores import log_error_score


def active_testing(belief: Any, predictions: Any, *, eps: Scalar = 0.1) -> Epsilon:
    """Draw items in proportion to the chance that `predictions` `[N]` are wrong of them, uniformly with chance `eps`.

    `belief` is a second opinion on the classes; it learns from what is bought, one label an item. `lure` and
    `lure_interval` make an unbiased error rate of the metric `propensity` and the losses. Raises `ValueError` where
    `eps` is outside [0, 1]; it must be above 0 for the weights to be bounded. Cite: kossen2021active.
    """
    return Epsilon(Softmax(belief, score(log_error_score, predictions=jnp.asarray(predictions, jnp.int32))), eps)
