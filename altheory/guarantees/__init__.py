"""Guarantees: theorems one can call, and the evidence for or against them."""

from altheory.guarantees.bandits import elliptical_potential, thompson_bayes_regret, ucb1_regret
from altheory.guarantees.budgets import budget_kept
from altheory.guarantees.evidence import Always, Equals, Mean, WithProbability
from altheory.guarantees.guarantee import Case, Guarantee, Verdict, check, guarantee, verify
from altheory.guarantees.observe import (
    cumulative_cost,
    cumulative_regret,
    plays_thompson_bernoulli,
    plays_ucb1,
    potential,
    rewards_in_unit_interval,
)

ALL: tuple[Guarantee, ...] = (ucb1_regret, thompson_bayes_regret, elliptical_potential, budget_kept)
"""Every theorem of the catalogue."""

__all__ = [
    "ALL",
    "Always",
    "Case",
    "Equals",
    "Guarantee",
    "Mean",
    "Verdict",
    "WithProbability",
    "budget_kept",
    "check",
    "cumulative_cost",
    "cumulative_regret",
    "elliptical_potential",
    "guarantee",
    "plays_thompson_bernoulli",
    "plays_ucb1",
    "potential",
    "rewards_in_unit_interval",
    "thompson_bayes_regret",
    "ucb1_regret",
    "verify",
]
