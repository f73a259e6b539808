"""Guarantees: theorems one can call, and the evidence for or against them."""

from altheory.guarantees.active import (
    bald_mc_bias,
    bald_mutual_information,
    batchbald_submodular,
    hellman_raviv_fano,
    information_never_hurts,
    lure_unbiased,
)
from altheory.guarantees.bandits import elliptical_potential, thompson_bayes_regret, ucb1_regret
from altheory.guarantees.budgets import budget_kept
from altheory.guarantees.designs import (
    c_optimal_elfving,
    caratheodory_support,
    efficient_rounding,
    kw_equivalence,
    ky_init,
    xy_optimal_certificate,
)
from altheory.guarantees.diversity import k_center_greedy, kmeanspp
from altheory.guarantees.elimination import od_linbai, phased_elimination_regret
from altheory.guarantees.estimates import gls_confidence, go_greedy_variance
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
from altheory.guarantees.steps import away_step_d_optimal, fw_d_optimal, multiplicative_d_optimal
from altheory.guarantees.streams import iwal_unbiased
from altheory.guarantees.submodular import (
    cost_benefit_loss,
    facility_location_acg,
    greedy_cardinality,
    lazy_greedy_equivalence,
    stochastic_greedy,
)

ALL: tuple[Guarantee, ...] = (
    ucb1_regret,
    thompson_bayes_regret,
    elliptical_potential,
    budget_kept,
    c_optimal_elfving,
    caratheodory_support,
    efficient_rounding,
    kw_equivalence,
    ky_init,
    xy_optimal_certificate,
    away_step_d_optimal,
    fw_d_optimal,
    multiplicative_d_optimal,
    gls_confidence,
    go_greedy_variance,
    bald_mc_bias,
    bald_mutual_information,
    batchbald_submodular,
    hellman_raviv_fano,
    information_never_hurts,
    lure_unbiased,
    k_center_greedy,
    kmeanspp,
    cost_benefit_loss,
    facility_location_acg,
    greedy_cardinality,
    lazy_greedy_equivalence,
    stochastic_greedy,
    od_linbai,
    phased_elimination_regret,
    iwal_unbiased,
)
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
    "away_step_d_optimal",
    "bald_mc_bias",
    "bald_mutual_information",
    "batchbald_submodular",
    "budget_kept",
    "c_optimal_elfving",
    "caratheodory_support",
    "check",
    "cost_benefit_loss",
    "cumulative_cost",
    "cumulative_regret",
    "efficient_rounding",
    "elliptical_potential",
    "facility_location_acg",
    "fw_d_optimal",
    "gls_confidence",
    "go_greedy_variance",
    "greedy_cardinality",
    "guarantee",
    "hellman_raviv_fano",
    "information_never_hurts",
    "iwal_unbiased",
    "k_center_greedy",
    "kmeanspp",
    "kw_equivalence",
    "ky_init",
    "lazy_greedy_equivalence",
    "lure_unbiased",
    "multiplicative_d_optimal",
    "od_linbai",
    "phased_elimination_regret",
    "plays_thompson_bernoulli",
    "plays_ucb1",
    "potential",
    "rewards_in_unit_interval",
    "stochastic_greedy",
    "thompson_bayes_regret",
    "ucb1_regret",
    "verify",
    "xy_optimal_certificate",
]
