"""Policies: who chooses, and the combinators that change how."""

from altheory.policies.agnostic import A2
from altheory.policies.argmax import Argmax, Softmax, TopTwo
from altheory.policies.arms import (
    bayes_ucb,
    epsilon_decreasing,
    epsilon_greedy,
    explore_then_commit,
    gittins_bernoulli,
    gittins_finite,
    gittins_gaussian,
    kl_ucb,
    moss,
    successive_elimination,
    thompson_gaussian,
    ucb_v,
)
from altheory.policies.best import best_of
from altheory.policies.changing import discounted_ucb, m_ucb, sw_ucb, ti_ucb
from altheory.policies.combine import Batched, Budgeted, Epsilon, Until
from altheory.policies.contextual import glm_ucb, neural_linear, thompson_logistic
from altheory.policies.directed import InformationDirected, InverseGap, information_directed, square_cb
from altheory.policies.elimination import OdLinBai, PhasedElimination
from altheory.policies.halving import SequentialHalving
from altheory.policies.mirror import Exp4, MirrorDescent, exp3, exp3_ix, exp4, hedge, tsallis_inf
from altheory.policies.named import (
    cal,
    gbs,
    lints,
    linucb,
    margin_stream,
    pandora,
    pandora_in_order,
    random,
    selective_perceptron,
    thompson_bernoulli,
    ucb1,
)
from altheory.policies.play import PlayDesign
from altheory.policies.router import FixedMix, Router, router
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
from altheory.policies.stop import below, best_arm_known, never, outpriced, weitzman_stop
from altheory.policies.streams import IWAL, QueryRate, SelectiveSampling
from altheory.policies.testing import active_testing
from altheory.policies.trust import Trusting

__all__ = [
    "A2",
    "IWAL",
    "Argmax",
    "Batched",
    "Budgeted",
    "Epsilon",
    "EpsilonDecay",
    "Exp4",
    "FixedMix",
    "InformationDirected",
    "InverseGap",
    "MirrorDescent",
    "OdLinBai",
    "PhasedElimination",
    "PlayDesign",
    "QueryRate",
    "Router",
    "SelectiveSampling",
    "SequentialHalving",
    "SetPolicy",
    "Softmax",
    "TopTwo",
    "Trusting",
    "Until",
    "active_testing",
    "badge_rule",
    "bait_rule",
    "batch_bald_rule",
    "bayes_ucb",
    "below",
    "best_arm_known",
    "best_of",
    "cal",
    "certainty_gain_rule",
    "cluster_margin_rule",
    "contextual_diversity_rule",
    "discounted_ucb",
    "diverse_and_uncertain_rule",
    "epsilon_decreasing",
    "epsilon_greedy",
    "exp3",
    "exp3_ix",
    "exp4",
    "explore_then_commit",
    "gbs",
    "gittins_bernoulli",
    "gittins_finite",
    "gittins_gaussian",
    "glm_ucb",
    "hedge",
    "information_directed",
    "k_center_rule",
    "k_means_rule",
    "kl_ucb",
    "lints",
    "linucb",
    "m_ucb",
    "margin_stream",
    "moss",
    "neural_linear",
    "never",
    "outpriced",
    "pandora",
    "pandora_in_order",
    "power_rule",
    "probability_cover_rule",
    "random",
    "router",
    "selective_perceptron",
    "soft_rank_rule",
    "softmax_rule",
    "square_cb",
    "successive_elimination",
    "sw_ucb",
    "thompson_bernoulli",
    "thompson_gaussian",
    "thompson_logistic",
    "ti_ucb",
    "tsallis_inf",
    "typiclust_rule",
    "ucb1",
    "ucb_v",
    "weitzman_stop",
]
