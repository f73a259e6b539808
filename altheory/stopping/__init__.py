"""When to stop paying: rules over belief, trace and money, in the loop and over recorded runs."""

from altheory.stopping.assumptions import gain_assumptions, search_assumptions
from altheory.stopping.combine import AllOf, AnyOf, Patience
from altheory.stopping.confidence import error_below, interval_within, mixture_glr
from altheory.stopping.curve import LearningCurve, fit_curve, learning_curve
from altheory.stopping.gauges import max_entropy, mean_entropy, predictions, top_score, validation_error
from altheory.stopping.memory import Agreement, CostPlateau, Plateau, cohen_kappa
from altheory.stopping.optimum import CostOptimum
from altheory.stopping.replay import replay, stopping_point, total_cost
from altheory.stopping.rule import StopRule, When, when
from altheory.stopping.thresholds import (
    at_least,
    at_most,
    best_in_hand,
    cost_balance,
    fixed_budget,
    occam_bound,
    price_above_gain,
)

__all__ = [
    "Agreement",
    "AllOf",
    "AnyOf",
    "CostOptimum",
    "CostPlateau",
    "LearningCurve",
    "Patience",
    "Plateau",
    "StopRule",
    "When",
    "at_least",
    "at_most",
    "best_in_hand",
    "cohen_kappa",
    "cost_balance",
    "error_below",
    "fit_curve",
    "fixed_budget",
    "gain_assumptions",
    "interval_within",
    "learning_curve",
    "max_entropy",
    "mean_entropy",
    "mixture_glr",
    "occam_bound",
    "predictions",
    "price_above_gain",
    "replay",
    "search_assumptions",
    "stopping_point",
    "top_score",
    "total_cost",
    "validation_error",
    "when",
]
