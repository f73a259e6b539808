"""Scores: array kernels for any model's probabilities, and thin wrappers that ask a belief for what they need."""

from altheory.scores.bait import bait
from altheory.scores.batch_bald import JointInformation, batch_bald, joint_information
from altheory.scores.committee import consensus_kl, variation_ratio, vote_entropy
from altheory.scores.diversity import contextual_diversity, covering_radius, k_center
from altheory.scores.gradient import badge, expected_gradient_length
from altheory.scores.indices import (
    bayes_ucb_index,
    contender_score,
    explore_first,
    kl_ucb_index,
    kl_upper,
    moss_index,
    ucb_v_index,
)
from altheory.scores.information import bald, bald_from_logits
from altheory.scores.lookahead import batch_epig, epig, expected_error_reduction, variance_reduction
from altheory.scores.optimism import mean_score, oful_index, ucb, ucb1_index, variance
from altheory.scores.price import per_dollar, token_price
from altheory.scores.prizes import (
    BernoulliPrize,
    BetaPrize,
    DiscretePrize,
    ExponentialPrize,
    GaussianPrize,
    LogNormalPrize,
    MixturePrize,
    Prize,
    SamplePrize,
    StudentPrize,
    UniformPrize,
)
from altheory.scores.representative import (
    cluster_margin,
    information_density,
    k_means,
    k_means_representatives,
    k_medoids_representatives,
    probability_cover,
    typicality,
    typiclust,
)
from altheory.scores.reservation import expected_excess, reservation, reservation_value
from altheory.scores.sampling import thompson, uniform
from altheory.scores.search import nonobligatory_bounds, precedence_indices, weitzman_value
from altheory.scores.sequences import sequence_entropy, token_average
from altheory.scores.stochastic import power_batch, soft_rank_batch, softmax_batch, top_batch
from altheory.scores.stream import top_k_stream
from altheory.scores.submodular import (
    certainty_gain,
    cost_benefit_greedy,
    diverse_and_uncertain,
    facility_location,
    greedy,
)
from altheory.scores.unbiased import importance_weighted_risk, lure, lure_weights
from altheory.scores.uncertainty import entropy, least_confidence, margin
from altheory.scores.version_space import (
    disagreement,
    margin_chance,
    removed_mass,
    removed_mass_score,
    risk_reduction_score,
)
from altheory.scores.wrappers import (
    bald_score,
    consensus_kl_score,
    entropy_score,
    epig_score,
    error_reduction_score,
    least_confidence_score,
    margin_score,
    variation_ratio_score,
    vote_entropy_score,
)

__all__ = [
    "BernoulliPrize",
    "BetaPrize",
    "DiscretePrize",
    "ExponentialPrize",
    "GaussianPrize",
    "JointInformation",
    "LogNormalPrize",
    "MixturePrize",
    "Prize",
    "SamplePrize",
    "StudentPrize",
    "UniformPrize",
    "badge",
    "bait",
    "bald",
    "bald_from_logits",
    "bald_score",
    "batch_bald",
    "batch_epig",
    "bayes_ucb_index",
    "certainty_gain",
    "cluster_margin",
    "consensus_kl",
    "consensus_kl_score",
    "contender_score",
    "contextual_diversity",
    "cost_benefit_greedy",
    "covering_radius",
    "disagreement",
    "diverse_and_uncertain",
    "entropy",
    "entropy_score",
    "epig",
    "epig_score",
    "error_reduction_score",
    "expected_error_reduction",
    "expected_excess",
    "expected_gradient_length",
    "explore_first",
    "facility_location",
    "greedy",
    "importance_weighted_risk",
    "information_density",
    "joint_information",
    "k_center",
    "k_means",
    "k_means_representatives",
    "k_medoids_representatives",
    "kl_ucb_index",
    "kl_upper",
    "least_confidence",
    "least_confidence_score",
    "lure",
    "lure_weights",
    "margin",
    "margin_chance",
    "margin_score",
    "mean_score",
    "moss_index",
    "nonobligatory_bounds",
    "oful_index",
    "per_dollar",
    "power_batch",
    "precedence_indices",
    "probability_cover",
    "removed_mass",
    "removed_mass_score",
    "reservation",
    "reservation_value",
    "risk_reduction_score",
    "sequence_entropy",
    "soft_rank_batch",
    "softmax_batch",
    "thompson",
    "token_average",
    "token_price",
    "top_batch",
    "top_k_stream",
    "typicality",
    "typiclust",
    "ucb",
    "ucb1_index",
    "ucb_v_index",
    "uniform",
    "variance",
    "variance_reduction",
    "variation_ratio",
    "variation_ratio_score",
    "vote_entropy",
    "vote_entropy_score",
    "weitzman_value",
]
