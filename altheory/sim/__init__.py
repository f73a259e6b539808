"""Simulation: the compiled loop, studies over seeds, and what they record."""

from altheory.sim.metrics import (
    Round,
    accuracy,
    cost,
    coverage,
    earned,
    item,
    labels,
    propensity,
    reading,
    recommended,
    regret,
    reward,
    rmse,
    shown_regret,
    welfare,
)
from altheory.sim.simulate import Trace, simulate
from altheory.sim.study import Study, study

__all__ = [
    "Round",
    "Study",
    "Trace",
    "accuracy",
    "cost",
    "coverage",
    "earned",
    "item",
    "labels",
    "propensity",
    "reading",
    "recommended",
    "regret",
    "reward",
    "rmse",
    "shown_regret",
    "simulate",
    "study",
    "welfare",
]
