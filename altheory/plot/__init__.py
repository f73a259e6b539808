"""Figures from a study, with bounds."""

from altheory.plot.curves import accuracy, curve, interval, regret
from altheory.plot.figure import StudyFigure
from altheory.plot.ranks import Ranks, area, critical_difference, draw_ranks, ranks

__all__ = [
    "Ranks",
    "StudyFigure",
    "accuracy",
    "area",
    "critical_difference",
    "curve",
    "draw_ranks",
    "interval",
    "ranks",
    "regret",
]
