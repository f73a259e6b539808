"""Every kernel on edge inputs: zeros and ones, ties, one class, one item, duplicates, and a batch of all items."""

import jax
import numpy as np
import pytest
import slow_scores as slow

import altheory.scores as s

RNG = np.random.default_rng(3)
ROWS = {
    "zeros and ones": np.eye(3)[[0, 2, 1, 0]],
    "ties": np.full((4, 3), 1 / 3),
    "one class": np.ones((4, 1)),
    "one item": RNG.dirichlet(np.ones(3), 1),
    "duplicates": np.repeat(RNG.dirichlet(np.ones(3), 2), 2, axis=0),
    "nearly certain": np.array([[1 - 2e-6, 1e-6, 1e-6], [1e-6, 1 - 2e-6, 1e-6]]),
    "random": RNG.dirichlet(np.ones(4), 5),
}
DRAWS = {name: np.stack([np.roll(p, m, axis=1) for m in range(3)]) for name, p in ROWS.items()} | {
    "draws agree": np.repeat(RNG.dirichlet(np.ones(3), (1, 4)), 3, axis=0)
}


def second(p):
    return np.sort(p)[-2] if len(p) > 1 else 0.0


def votes(p):
    """The committee's votes `[draws, items]`, ties to the first class."""
    return p.argmax(-1)


def shares(p, i):
    return np.bincount(votes(p)[:, i], minlength=p.shape[-1]) / len(p)


def gradient_length(p, x):
    """The length of the last layer's gradient, averaged over the labels that the model expects."""
    each = [
        sum(p[i, c] * np.linalg.norm(np.outer(p[i] - np.eye(p.shape[1])[c], x[i])) for c in range(p.shape[1]))
        for i in range(len(p))
    ]
    return np.array(each)


POINTWISE = {
    "entropy": (s.entropy, lambda p: [slow.entropy_of(row) for row in p]),
    "margin": (s.margin, lambda p: [second(row) - row.max() for row in p]),
    "least_confidence": (s.least_confidence, lambda p: [1 - row.max() for row in p]),
    "expected_gradient_length": (
        lambda p: s.expected_gradient_length(p, features(len(p))),
        lambda p: gradient_length(p, features(len(p))),
    ),
}
COMMITTEES = {
    "bald": (s.bald, slow.bald),
    "bald_from_logits": (lambda p: s.bald_from_logits(log(p)), slow.bald),
    "consensus_kl": (s.consensus_kl, slow.bald),
    "vote_entropy": (s.vote_entropy, lambda p: [slow.entropy_of(shares(p, i)) for i in range(p.shape[1])]),
    "variation_ratio": (s.variation_ratio, lambda p: [1 - shares(p, i).max() for i in range(p.shape[1])]),
    "epig": (lambda p: s.epig(p, p[:, :1]), lambda p: slow.predictive_gain(p, p[:, :1], slow.entropy_of)),
    "expected_error_reduction": (
        lambda p: s.expected_error_reduction(p, p[:, :1]),
        lambda p: slow.predictive_gain(p, p[:, :1], lambda q: 1 - q.max()),
    ),
}


def features(n):
    return np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32)


def log(p):
    with np.errstate(divide="ignore"):
        return np.log(p)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("kernel", POINTWISE)
def test_scores_of_rows_equal_the_obvious_version(kernel, name):
    fast, obvious = POINTWISE[kernel]
    p = ROWS[name].astype(np.float32)
    np.testing.assert_allclose(fast(p), obvious(p.astype(float)), atol=2e-6)


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("kernel", COMMITTEES)
def test_scores_of_committees_equal_the_obvious_version(kernel, name):
    fast, obvious = COMMITTEES[kernel]
    p = DRAWS[name].astype(np.float32)
    np.testing.assert_allclose(fast(p), obvious(p.astype(float)), atol=5e-6)


KEY = jax.random.key(0)
X = {
    "one item": np.ones((1, 2), np.float32),
    "duplicates": np.repeat(np.array([[0, 1], [2, 0], [1, 1]], np.float32), 2, axis=0),
    "all alike": np.ones((4, 2), np.float32),
    "random": RNG.normal(size=(6, 2)).astype(np.float32),
}


def rows(n, classes=3):
    return np.random.default_rng(n).dirichlet(np.ones(classes), n).astype(np.float32)


def likeness(x):
    return np.exp(-((x[:, None] - x[None]) ** 2).sum(-1))


BATCHES = {
    "badge": lambda x, k: s.badge(rows(len(x)), x, k, key=KEY),
    "bait": lambda x, k: s.bait(rows(len(x)), x, k),
    "batch_bald": lambda x, k: s.batch_bald(np.stack([rows(len(x))] * 2), k, key=KEY),
    "batch_epig": lambda x, k: s.batch_epig(np.stack([rows(len(x))] * 2), np.stack([rows(2)] * 2), k, key=KEY),
    "k_center": s.k_center,
    "k_center, angular": lambda x, k: s.k_center(x, k, metric="angular"),
    "contextual_diversity": lambda x, k: s.contextual_diversity(rows(len(x)), k),
    "facility_location": lambda x, k: s.facility_location(likeness(x), k),
    "facility_location, lazy": lambda x, k: s.facility_location(likeness(x), k, method="lazy"),
    "certainty_gain": lambda x, k: s.certainty_gain(x, k),
    "diverse_and_uncertain": lambda x, k: s.diverse_and_uncertain(np.ones(len(x), np.float32), x, k),
    "typiclust": lambda x, k: s.typiclust(x, k, key=KEY),
    "probability_cover": lambda x, k: s.probability_cover(x, k, radius=0.5),
    "cluster_margin": lambda x, k: s.cluster_margin(np.ones(len(x), np.float32), np.arange(len(x)) % 2, k),
    "k_means_representatives": lambda x, k: s.k_means_representatives(x, k, key=KEY),
    "k_medoids_representatives": lambda x, k: s.k_medoids_representatives(x, k, key=KEY),
    "power_batch": lambda x, k: s.power_batch(np.zeros(len(x), np.float32), k, key=KEY),
    "softmax_batch": lambda x, k: s.softmax_batch(np.zeros(len(x), np.float32), k, key=KEY),
    "soft_rank_batch": lambda x, k: s.soft_rank_batch(np.zeros(len(x), np.float32), k, key=KEY),
    "top_batch": lambda x, k: s.top_batch(np.zeros(len(x), np.float32), k),
}


@pytest.mark.parametrize("name", X)
@pytest.mark.parametrize("kernel", BATCHES)
def test_a_batch_of_all_items_holds_each_once(kernel, name):
    x = X[name]
    batch = BATCHES[kernel](x, len(x))
    assert sorted(np.asarray(getattr(batch, "picks", batch)).tolist()) == list(range(len(x)))


@pytest.mark.parametrize("kernel", BATCHES)
def test_a_batch_of_half_holds_no_item_twice(kernel):
    x = X["duplicates"]
    picks = np.asarray(getattr(batch := BATCHES[kernel](x, 3), "picks", batch))
    assert len(set(picks.tolist())) == 3
    assert picks.min() >= 0


def test_every_kernel_that_picks_or_scores_is_here():
    """Kernels of this package's `__all__` that take probabilities, features or scores of items."""
    tested = {name.split(",")[0] for name in (*POINTWISE, *COMMITTEES, *BATCHES)}
    elsewhere = {  # with tests of their own on such inputs: no such edges, or another kind of argument
        "cost_benefit_greedy", "covering_radius", "disagreement", "greedy", "importance_weighted_risk",
        "information_density", "joint_information", "k_means", "lure", "lure_weights", "margin_chance", "removed_mass",
        "sequence_entropy", "token_average", "token_price", "top_k_stream", "typicality", "variance_reduction",
        "facility_location_stream", "facility_location_sharded", "k_center_stream", "k_center_sharded",
    }  # fmt: skip
    modules = [
        "bait",
        "batch_bald",
        "committee",
        "diversity",
        "gradient",
        "information",
        "large",
        "lookahead",
        "representative",
        "sequences",
        "sharded",
        "stochastic",
        "stream",
        "submodular",
        "unbiased",
        "uncertainty",
        "version_space",
        "price",
    ]
    public = {
        name for name in s.__all__ if getattr(s, name).__module__.rsplit(".", 1)[-1] in modules and name[0].islower()
    }
    combinators = {"per_dollar", "within_price"}
    assert public - {n for n in public if n.endswith("_score")} - combinators == tested | elsewhere
