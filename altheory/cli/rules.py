"""Every acquisition rule that the built-in studies of labels can run, by the name it has in their tables."""

from collections.abc import Mapping
from typing import Any

import altheory as al

DRAWS = 16
"""Posterior draws of a rule that needs them: BALD is more accurate on digits than with 64, and quicker."""

RANK = 64
"""Directions of the features that BAIT looks at: all of the digits', and most of what embeddings of 384 tell apart."""

SCORES: Mapping[str, al.ScoreFn] = {
    "random": al.uniform,
    "entropy": al.entropy_score,
    "margin": al.margin_score,
    "least confidence": al.least_confidence_score,
    "gradient length": al.gradient_length_score,
    "bald": al.score(al.bald_score, draws=DRAWS),
    "vote entropy": al.score(al.vote_entropy_score, draws=DRAWS),
    "variation ratio": al.score(al.variation_ratio_score, draws=DRAWS),
    "consensus kl": al.score(al.consensus_kl_score, draws=DRAWS),
    "epig": al.score(al.epig_score, draws=DRAWS, targets=64),
    "error reduction": al.score(al.error_reduction_score, draws=DRAWS, targets=64),
}
"""Rules that score items one by one."""

SETS: Mapping[str, Any] = {
    "power bald": al.power_rule,
    "softmax bald": al.softmax_rule,
    "soft rank bald": al.soft_rank_rule,
    "batch bald": al.score(al.batch_bald_rule, draws=2 * DRAWS, size=1, labelled=None),
    "badge": al.badge_rule,
    "bait": al.score(al.bait_rule, rank=RANK, size=1, labelled=None),
    "cluster margin": al.cluster_margin_rule,
    "k-means": al.k_means_rule,
    "diverse and uncertain": al.diverse_and_uncertain_rule,
    "contextual diversity": al.contextual_diversity_rule,
    "k-center": al.k_center_rule,
    "certainty gain": al.certainty_gain_rule,
    "typiclust": al.typiclust_rule,
    "probability cover": al.score(al.probability_cover_rule, radius=4.0, size=1, labelled=None),
}
"""Rules that pick a set. The radius of probability cover is for features of mean squared length 30."""

UNCERTAINTY = tuple(name for name in SCORES if name != "random")
HYBRID = tuple(list(SETS)[: list(SETS).index("contextual diversity")])
"""Rules that weigh both what the model doubts and how the items differ."""


def student(pool: Any, labels: int) -> al.Logistic:
    """The belief of the studies of labels, which holds up to 256 of them exactly.

    Its draws are variational and its prior is wide: BALD then beats random on digits, which by Laplace draws it does
    not.
    """
    return al.logistic(pool.X.shape[1], pool.classes, prior=0.3, capacity=min(labels, 256), posterior="variational")


def singly(belief: Any) -> dict[str, Any]:
    """Every rule buying one label a round; BADGE and soft rank, whose first pick says little, are for batches."""
    sets = {name: al.SetPolicy(belief, rule, 1) for name, rule in SETS.items() if name not in ("badge", "batch bald")}
    return {name: al.Argmax(belief, score) for name, score in SCORES.items()} | sets


def batches(belief: Any, size: int) -> dict[str, Any]:
    """Every rule buying `size` labels a round: the top of each score, and the rules on sets."""
    top = {
        "random" if name == "random" else f"top {name}": al.Batched(al.Argmax(belief, score), size)
        for name, score in SCORES.items()
    }
    return top | {name: al.SetPolicy(belief, rule, size) for name, rule in SETS.items()}
