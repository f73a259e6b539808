"""Scores: array kernels for any model's probabilities, and thin wrappers that ask a belief for what they need."""

from altheory.scores.information import bald
from altheory.scores.optimism import oful_index, ucb, ucb1_index, variance
from altheory.scores.price import per_dollar
from altheory.scores.sampling import thompson, uniform
from altheory.scores.uncertainty import entropy, least_confidence, margin
from altheory.scores.wrappers import bald_score, entropy_score, least_confidence_score, margin_score

__all__ = [
    "bald",
    "bald_score",
    "entropy",
    "entropy_score",
    "least_confidence",
    "least_confidence_score",
    "margin",
    "margin_score",
    "oful_index",
    "per_dollar",
    "thompson",
    "ucb",
    "ucb1_index",
    "uniform",
    "variance",
]
