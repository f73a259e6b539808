"""One-line names for policies on items with features and 0/1 rewards."""

from typing import Any

from altheory.beliefs import last_layer, logistic
from altheory.core import Scalar, score
from altheory.policies.argmax import Argmax
from altheory.policies.unsure import Unsure
from altheory.scores import challenge_score, glm_oful_index, glm_ucb_index, thompson, width_score


def glm_ucb(
    dim: int,
    *,
    width: Scalar | None = 1.0,
    delta: Scalar = 0.05,
    bound: Scalar = 1.0,
    length: Scalar = 1.0,
    prior: Scalar = 1.0,
    capacity: int = 256,
) -> Argmax:
    r"""GLM-UCB for 0/1 rewards in `dim` features: a fixed `width`, or that of the theorem where None.

    The theorem's needs :math:`\|\theta\|` at most `bound`, rows at most `length` long, and a `capacity` that holds
    every label. Cite: filippi2010parametric, li2017provably.
    """
    index = score(glm_oful_index, delta=delta, bound=bound, length=length) if width is None else None
    return Argmax(logistic(dim, prior=prior, capacity=capacity), index or score(glm_ucb_index, width=width))


def contextual_duels(
    dim: int, *, width: Scalar = 1.0, unsure: Scalar | None = None, prior: Scalar = 1.0, capacity: int = 256
) -> Any:
    r"""Duels of arms with features: the best by the belief against the one that may beat it by most.

    For menus of all pairs, with features :math:`x_i - x_j` in `dim` dimensions, and the outcome 1 where i won: Bradley
    and Terry's model is logistic regression on differences (`dueling-bt-logistic`). With a number `unsure`, the duel is
    paid for only where its :math:`\|z\|_{H^{-1}}` is above it (APPO). Cite: bengs2022stochastic, ji2024reinforcement.
    """
    duel = Argmax(logistic(dim, prior=prior, capacity=capacity), score(challenge_score, width=width))
    return duel if unsure is None else Unsure(duel, width_score, unsure)


def thompson_logistic(dim: int, *, prior: Scalar = 1.0, capacity: int = 256) -> Argmax:
    """Thompson sampling for 0/1 rewards in `dim` features, with a Laplace posterior. Cite: chapelle2011empirical."""
    return Argmax(logistic(dim, prior=prior, capacity=capacity), thompson)


def neural_linear(
    body: Any,
    dim: int,
    *,
    prior: Scalar = 1.0,
    learning_rate: Scalar = 1e-2,
    steps: int = 20,
    capacity: int = 256,
    seed: int = 0,
) -> Argmax:
    """Thompson sampling for 0/1 rewards on features that a network learns: a posterior over its last layer alone.

    `body` is a Flax module that maps `[n, dim]` to features; see `last_layer`. Cite: riquelme2018deep.
    """
    belief = last_layer(body, dim, prior=prior, learning_rate=learning_rate, steps=steps, capacity=capacity, seed=seed)
    return Argmax(belief, thompson)
