"""Policies: who chooses, and the combinators that change how."""

from altheory.policies.agnostic import A2
from altheory.policies.argmax import Argmax, Softmax, TopTwo
from altheory.policies.arms import (
    bayes_ucb,
    epsilon_decreasing,
    epsilon_greedy,
    explore_then_commit,
    kl_ucb,
    moss,
    successive_elimination,
    thompson_gaussian,
    ucb_v,
)
from altheory.policies.combine import Batched, Budgeted, Epsilon, Until
from altheory.policies.elimination import OdLinBai, PhasedElimination
from altheory.policies.named import (
    cal,
    gbs,
    lints,
    linucb,
    margin_stream,
    random,
    selective_perceptron,
    thompson_bernoulli,
    ucb1,
)
from altheory.policies.named import lints, linucb, pandora, pandora_in_order, random, thompson_bernoulli, ucb1
from altheory.policies.play import PlayDesign
from altheory.policies.rules import (
    badge_rule,
    bait_rule,
    batch_bald_rule,
    certainty_gain_rule,
    cluster_margin_rule,
    contextual_diversity_rule,
    diverse_and_uncertain_rule,
    k_center_rule,
    k_means_rule,
    power_rule,
    probability_cover_rule,
    soft_rank_rule,
    softmax_rule,
    typiclust_rule,
)
from altheory.policies.schedule import EpsilonDecay
from altheory.policies.sets import SetPolicy
from altheory.policies.stop import below, best_arm_known, never, outpriced
from altheory.policies.streams import IWAL, QueryRate, SelectiveSampling
from altheory.policies.trust import Trusting
from altheory.policies.stop import below, best_in_hand, never

__all__ = [
    "A2",
    "IWAL",
    "Argmax",
    "Batched",
    "Budgeted",
    "Epsilon",
    "EpsilonDecay",
    "OdLinBai",
    "PhasedElimination",
    "PlayDesign",
    "QueryRate",
    "SelectiveSampling",
    "SetPolicy",
    "Softmax",
    "TopTwo",
    "Trusting",
    "Until",
    "badge_rule",
    "bait_rule",
    "batch_bald_rule",
    "bayes_ucb",
    "below",
    "best_arm_known",
    "cal",
    "best_in_hand",
    "certainty_gain_rule",
    "cluster_margin_rule",
    "contextual_diversity_rule",
    "diverse_and_uncertain_rule",
    "epsilon_decreasing",
    "epsilon_greedy",
    "explore_then_commit",
    "gbs",
    "k_center_rule",
    "k_means_rule",
    "kl_ucb",
    "lints",
    "linucb",
    "margin_stream",
    "moss",
    "never",
    "outpriced",
    "pandora",
    "pandora_in_order",
    "power_rule",
    "probability_cover_rule",
    "random",
    "selective_perceptron",
    "soft_rank_rule",
    "softmax_rule",
    "successive_elimination",
    "thompson_bernoulli",
    "thompson_gaussian",
    "typiclust_rule",
    "ucb1",
    "ucb_v",
]
