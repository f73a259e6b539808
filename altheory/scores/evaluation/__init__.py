"""Measuring honestly on few labels: means with intervals, from cheap predictions or from items picked on purpose."""

from altheory.scores.evaluation.active_testing import log_error_score, lure_interval, lure_variance
from altheory.scores.evaluation.anytime import bernoulli_interval, normal_width
from altheory.scores.evaluation.audits import (
    Audit,
    acceptance_probability,
    audit_size,
    defer,
    sprt,
    sprt_expected_items,
    sprt_thresholds,
)
from altheory.scores.evaluation.bounded import Estimate, betting_interval, hoeffding_interval
from altheory.scores.evaluation.off_policy import effective_sample, off_policy_value
from altheory.scores.evaluation.prediction_powered import ppi_mean
from altheory.scores.evaluation.thresholds import (
    conformal_quantile,
    conformal_risk,
    joint_threshold,
    selective_threshold,
)

__all__ = [
    "Audit",
    "Estimate",
    "acceptance_probability",
    "audit_size",
    "bernoulli_interval",
    "betting_interval",
    "conformal_quantile",
    "conformal_risk",
    "defer",
    "effective_sample",
    "hoeffding_interval",
    "joint_threshold",
    "log_error_score",
    "lure_interval",
    "lure_variance",
    "normal_width",
    "off_policy_value",
    "ppi_mean",
    "selective_threshold",
    "sprt",
    "sprt_expected_items",
    "sprt_thresholds",
]
