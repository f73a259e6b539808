"""Measuring honestly on few labels: means with intervals, from cheap predictions or from items picked on purpose."""

from altheory.scores.evaluation.active_testing import log_error_score, lure_interval, lure_variance
from altheory.scores.evaluation.anytime import bernoulli_interval, normal_width
from altheory.scores.evaluation.bounded import Estimate, betting_interval, hoeffding_interval
from altheory.scores.evaluation.prediction_powered import ppi_mean

__all__ = [
    "Estimate",
    "bernoulli_interval",
    "betting_interval",
    "hoeffding_interval",
    "log_error_score",
    "lure_interval",
    "lure_variance",
    "normal_width",
    "ppi_mean",
]
