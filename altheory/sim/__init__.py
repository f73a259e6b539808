"""Simulation: the compiled loop, studies over seeds, and what they record."""

from altheory.sim.metrics import Round, accuracy, cost, coverage, item, labels, regret, reward
from altheory.sim.simulate import Trace, simulate

__all__ = ["Round", "Trace", "accuracy", "cost", "coverage", "item", "labels", "regret", "reward", "simulate"]
