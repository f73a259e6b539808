"""Figures from a study, with bounds."""

from altheory.plot.curves import accuracy, curve, interval, regret
from altheory.plot.figure import StudyFigure

__all__ = ["StudyFigure", "accuracy", "curve", "interval", "regret"]
