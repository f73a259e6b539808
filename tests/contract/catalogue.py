"""Every public belief, score, policy and oracle, once or more, for the contract tests.

Each factory takes a float `f` in (0, 1] that it hands to whatever hyperparameters the thing has. The first word of a
key is the public name it covers; the words after it tell variants apart.
"""

import functools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import altheory as al
from altheory.policies.pick import Acting

K, D, C = 6, 3, 3
_rng = np.random.default_rng(0)
X = _rng.normal(size=(K, D)).astype(np.float32)
quick = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
"""`jax.jit` that compiles in half the time, to slower code."""

UNIT = np.linspace(0.1, 0.9, K)
FLOATS = (0.6, 0.7, 0.8, 0.9, 1.0)

TABLE = np.indices((2,) * K).reshape(K, -1).T
"""All labellings of K items."""
LABELS = np.arange(K) % C


class Descent(NamedTuple):
    """What optax calls a gradient transformation, without optax."""

    init: Callable[..., Any]
    update: Callable[..., Any]


def descent(rate):
    return Descent(lambda params: (), lambda slope, state, params: (jax.tree.map(lambda g: -rate * g, slope), state))


def body(params, x, *, train=False, rngs=None):
    h = jnp.tanh(jnp.matmul(x, params["in"]))
    return jnp.where(jax.random.bernoulli(rngs["dropout"], 0.5, h.shape), 2 * h, 0) if train else h


def body_start(key, x, *, train=False):
    return {"in": jax.random.normal(key, (x.shape[1], 4))}


def net(params, x, *, train=False, rngs=None):
    return jnp.matmul(body(params, x, train=train, rngs=rngs), params["out"])


def net_start(key, x, *, train=False):
    return body_start(key, x) | {"out": jax.random.normal(jax.random.fold_in(key, 1), (4, C)) / 2}


BODY, NET = al.Network(body_start, body), al.Network(net_start, net)

BELIEFS: dict[str, Callable[..., Any]] = {
    "counts": lambda f=1.0: al.counts(K, scale=f),
    "beta_bernoulli": lambda f=1.0: al.beta_bernoulli(K, a=f, b=f),
    "finite": lambda f=1.0: al.finite(TABLE, noise=f / 4),
    "halfspaces": lambda f=1.0: al.halfspaces(f * np.r_[X, -X]),
    "harmonic": lambda f=1.0: al.harmonic(al.gaussian_graph(X), prior=f),
    "perceptron": lambda f=1.0: al.perceptron(D),
    "moments": lambda f=1.0: al.moments(K, high=f),
    "contenders": lambda f=1.0: al.contenders(K, delta=f / 2, low=f - 1),
    "windowed": lambda f=1.0: al.windowed(K, 3, scale=f),
    "discounted": lambda f=1.0: al.discounted(K, f / 2, scale=f),
    "restarting": lambda f=1.0: al.restarting(K, 4, f),
    "rising": lambda f=1.0: al.rising(K, 2, f, scale=f),
    "gaussian_arms": lambda f=1.0: al.gaussian_arms(K, mean=f, prior=f, noise=f),
    "boxes": lambda f=1.0: al.boxes(al.GaussianPrize(f * UNIT, UNIT + 0.1), outside=f / 9),
    "linear": lambda f=1.0: al.linear(D, prior=f, noise=f),
    "logistic": lambda f=1.0: al.logistic(D, prior=f, capacity=8),
    "logistic of three classes": lambda f=1.0: al.logistic(D, C, prior=f, capacity=3),
    "gp": lambda f=1.0: al.gp(D, kernel=al.Matern(f, f, nu=1.5), noise=f, capacity=8, frequencies=4),
    "gp_arms": lambda f=1.0: al.gp_arms(X, kernel=al.RBF(f, f), noise=f),
    "gp_classifier of three classes": lambda f=1.0: al.gp_classifier(
        D, C, kernel=al.RBF(f, f), nugget=f / 10, capacity=4, frequencies=4
    ),
    "separate": lambda f=1.0: al.separate(al.linear(D, prior=f, noise=f), 2),
    "tagged": lambda f=1.0: al.tagged(al.linear(D + 2, prior=f, noise=f), 2),
    "imputed": lambda f=1.0: al.imputed(
        al.logistic(D, C, prior=f, capacity=3),
        np.where(np.arange(D) == np.arange(3)[:, None], np.nan, f * X[:3]),
        [[False] * D, [True] * D],
        outer=2,
        inner=2,
        iterations=3,
    ),
    "crowd": lambda f=1.0: al.crowd(K // 2, 2, C, error=f / 3, strength=f, capacity=4),
    "deep_ensemble": lambda f=1.0: al.deep_ensemble(
        NET,
        D,
        C,
        members=3,
        optimizer=descent,
        learning_rate=f,
        prior=f / 9,
        steps=2,
        batch=2,
        bootstrap=True,
        capacity=3,
    ),
    "mc_dropout": lambda f=1.0: al.mc_dropout(
        NET, D, C, optimizer=descent, learning_rate=f, prior=f / 9, steps=2, warm=False, capacity=6
    ),
    "last_layer": lambda f=1.0: al.last_layer(
        BODY, D, C, optimizer=descent, learning_rate=f, prior=f / 9, steps=1, newton=1, capacity=6
    ),
    "bootstrap of classifiers": lambda f=1.0: al.bootstrap(al.logistic(D, C, prior=f, capacity=3), members=3),
    "bootstrap of regressors": lambda f=1.0: al.bootstrap(al.linear(D, prior=f, noise=f), members=3),
}
TOGETHER = (
    "separate",
    "tagged",
    "contenders",
    "discounted",
    "restarting",
    "rising",
    "windowed",
    "crowd",
    "gaussian_arms",
    "moments",
    "gp",
    "gp_arms",
    "gp_classifier of three classes",
    "finite",
    "harmonic",
    "deep_ensemble",
    "mc_dropout",
    "last_layer",
    "imputed",
    "bootstrap of classifiers",
    "bootstrap of regressors",
)
"""Beliefs asked for all their scores in one program: large ones, and compiling is what tests spend time on."""
PARTS = {"Dot", "Matern", "Network", "RBF"}
"""What Gaussian processes and networks are built from; they have their own tests."""
LABEL_MODELS = {
    *("Told", "fit_normal"),
    *("Consensus", "Dependence", "dawid_skene", "error_dependence", "mace", "one_coin", "triples", "vote_shares"),
    "vote_log_odds",
}
"""What `altheory.beliefs` has beside beliefs: kernels on labels; they have their own tests."""

HOSTED = {"HostBelief", "HostCommittee", "HostModel", "NumpyroBelief", "host_belief", "numpyro_belief"}
"""Beliefs that learn outside of JAX; they run through every score in their own tests."""
GRAPHS = {"Duels", "duels", "bradley_terry", "mm_step", "gaussian_graph", "Frozen", "frozen"}
"""What a belief is built from, or what becomes of one; no belief that learns."""

INDICES = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)

FINITE = np.linspace(0, 1, 9 * 64, dtype=np.float32).reshape(9, 8, 8)

SCORES: dict[str, Callable[..., Any]] = {
    "ucb": lambda f=1.0: al.score(al.ucb, width=f),
    "window_ucb_index": lambda f=1.0: al.score(al.window_ucb_index, xi=f),
    "ti_ucb_index": lambda f=1.0: al.score(al.ti_ucb_index, width=f),
    "glm_ucb_index": lambda f=1.0: al.score(al.glm_ucb_index, width=f),
    "glm_oful_index": lambda f=1.0: al.score(al.glm_oful_index, delta=f / 2, bound=f, length=f),
    "mean_score": lambda f=1.0: al.score(al.mean_score),
    "ucb1_index": lambda f=1.0: al.score(al.ucb1_index, scale=f),
    "oful_index": lambda f=1.0: al.score(al.oful_index, delta=f / 2, bound=f),
    "kl_ucb_index": lambda f=1.0: al.score(al.kl_ucb_index),
    "ucb_v_index": lambda f=1.0: al.score(al.ucb_v_index, zeta=f, c=f),
    "moss_index": lambda f=1.0: al.score(al.moss_index, horizon=100 * f),
    "bayes_ucb_index": lambda f=1.0: al.score(al.bayes_ucb_index),
    "explore_first": lambda f=1.0: al.score(al.explore_first, pulls=f),
    "gittins_score": lambda f=1.0: al.score(al.gittins_score, index=f * INDICES),
    "gaussian_gittins_score": lambda f=1.0: al.score(
        al.gaussian_gittins_score, index=INDICES[0][::-1], prior=f, noise=f
    ),
    "finite_gittins_score": lambda f=1.0: al.score(al.finite_gittins_score, index=f * FINITE),
    "inspection_score": lambda f=1.0: al.score(al.inspection_score, index=INDICES[:K, ::-1], prior=f, noise=f),
    "lucb_score": lambda f=1.0: al.score(al.lucb_score, delta=f / 2, sigma=f),
    "tracking_score": lambda f=1.0: al.score(al.tracking_score, sd=f),
    "contender_score": lambda f=1.0: al.score(al.contender_score),
    "variance": lambda f=1.0: al.score(al.variance),
    "width_score": lambda f=1.0: al.score(al.width_score),
    "reservation": lambda f=1.0: al.score(al.reservation),
    "pbgi": lambda f=1.0: al.score(al.pbgi, scale=f),
    "expected_improvement_score": lambda f=1.0: al.score(al.expected_improvement_score),
    "knowledge_gradient_score": lambda f=1.0: al.score(al.knowledge_gradient_score),
    "thompson": lambda f=1.0: al.score(al.thompson),
    "uniform": lambda f=1.0: al.score(al.uniform),
    "entropy_score": lambda f=1.0: al.score(al.entropy_score),
    "margin_score": lambda f=1.0: al.score(al.margin_score),
    "least_confidence_score": lambda f=1.0: al.score(al.least_confidence_score),
    "gradient_length_score": lambda f=1.0: al.score(al.gradient_length_score),
    "log_error_score": lambda f=1.0: al.score(al.log_error_score),
    "bald_score": lambda f=1.0: al.score(al.bald_score, draws=4),
    "partial_bald_score": lambda f=1.0: al.score(al.partial_bald_score, draws=4),
    "vote_entropy_score": lambda f=1.0: al.score(al.vote_entropy_score, draws=5),
    "variation_ratio_score": lambda f=1.0: al.score(al.variation_ratio_score, draws=5),
    "consensus_kl_score": lambda f=1.0: al.score(al.consensus_kl_score, draws=4),
    "error_reduction_score": lambda f=1.0: al.score(al.error_reduction_score, draws=4, loss="brier"),
    "epig_score": lambda f=1.0: al.score(al.epig_score, draws=4),
    "removed_mass_score": lambda f=1.0: al.score(al.removed_mass_score),
    "disagreement": lambda f=1.0: al.score(al.disagreement),
    "margin_chance": lambda f=1.0: al.score(al.margin_chance, b=f),
    "risk_reduction_score": lambda f=1.0: al.score(al.risk_reduction_score),
    "per_dollar": lambda f=1.0: al.per_dollar(al.entropy_score, power=f),
    "per_dollar of variance": lambda f=1.0: al.per_dollar(al.variance, power=f),
}
RANDOM_SCORES = {
    "partial_bald_score",
    "thompson",
    "uniform",
    "bald_score",
    "consensus_kl_score",
    "epig_score",
    "error_reduction_score",
} | {
    "vote_entropy_score",
    "variation_ratio_score",
}

GAUGES = {"error": al.score(al.validation_error, x=np.eye(K, D, dtype=np.float32), y=np.arange(K) % C)} | {
    "predictions": al.score(al.predictions, x=np.eye(K, D, dtype=np.float32)),
    "uncertainty": al.mean_entropy,
    "gain": al.score(al.top_score, score=al.entropy_score),
}
"""What stop rules read of a belief with classes, in the contract tests."""

STOPS: dict[str, Callable[..., Any]] = {
    "Plateau": lambda f=1.0: al.Plateau(0.05 * f, window=3),
    "CostPlateau": lambda f=1.0: al.CostPlateau(20.0 * f, window=3),
    "CostOptimum": lambda f=1.0: al.CostOptimum(6.0 * f),
    "Agreement": lambda f=1.0: al.Agreement(K, 0.9 * f, window=3),
    "AnyOf": lambda f=1.0: al.AnyOf([al.at_most("uncertainty", 0.1 * f), al.at_least("labels", 12.0)]),
    "AllOf": lambda f=1.0: al.AllOf([al.Plateau(0.05 * f, window=2), al.at_least("labels", 9 * f)]),
    "Patience": lambda f=1.0: al.Patience(al.at_most("uncertainty", 0.6 * f), 2),
    "When": lambda f=1.0: al.when(tight, limit=0.2 * f),
    "at_most": lambda f=1.0: al.at_most("uncertainty", 0.5 * f),
    "at_least": lambda f=1.0: al.at_least("labels", 10.0 * f),
    "fixed_budget": lambda f=1.0: al.fixed_budget(4.0 * f),
    "cost_balance": lambda f=1.0: al.cost_balance(20.0 * f),
    "price_above_gain": lambda f=1.0: al.price_above_gain(f),
    "best_in_hand": lambda f=1.0: al.best_in_hand(),
    "occam_bound": lambda f=1.0: al.occam_bound(math.log(8), 0.9 * f, 0.1),
    "error_below": lambda f=1.0: al.error_below(0.6 * f, 0.2),
    "interval_within": lambda f=1.0: al.interval_within(0.7 * f, 0.2),
}


def tight(uncertainty, price, *, limit=0.5):
    """A stop rule of a user's own."""
    return uncertainty * price < limit


DUEL_SCORES = {"challenge_score", "double_thompson_score", "rucb_score"}
"""Scores of pairs, for the belief `duels` alone; they have their own tests."""

ONCE = {"mean_score", "kl_ucb_index", "ucb_v_index", "moss_index", "bayes_ucb_index", "explore_first", "ucb1_index"} | {
    "pbgi",
    "expected_improvement_score",
    "knowledge_gradient_score",
    "gittins_score",
    "finite_gittins_score",
    "lucb_score",
    "tracking_score",
}
"""Scores on the tallies of arms, of which one is enough."""

POLICIES: dict[str, Callable[..., Any]] = {
    "Argmax": lambda f=1.0: al.Argmax(BELIEFS["logistic of three classes"](f), al.margin_score),
    "Argmax that may stop": lambda f=1.0: al.Argmax(BELIEFS["linear"](f), al.variance, al.below(f)),
    "Softmax": lambda f=1.0: al.Softmax(BELIEFS["logistic"](f), al.per_dollar(al.entropy_score, power=f), f),
    "TopTwo": lambda f=1.0: al.TopTwo(BELIEFS["beta_bernoulli"](f), al.thompson, f / 2),
    "TopTwo by a fixed score": lambda f=1.0: al.TopTwo(BELIEFS["linear"](f), SCORES["ucb"](f), f / 2),
    "Epsilon": lambda f=1.0: al.Epsilon(al.ucb1(K, scale=f), f / 3),
    "EpsilonDecay": lambda f=1.0: al.EpsilonDecay(al.Softmax(BELIEFS["counts"](f), al.ucb, f), f / 3, f),
    "Router": lambda f=1.0: al.Router(BELIEFS["linear"](f), BELIEFS["linear"](f), 3 * f, step=f, dual=f / 9, horizon=4),
    "MirrorDescent": lambda f=1.0: al.exp3(K, eta=f).replace(bias=f / 9),
    "MirrorDescent of Tsallis": lambda f=1.0: al.tsallis_inf(K, low=f - 1).replace(eta=f),
    "Exp4": lambda f=1.0: al.exp4(D, eta=f, bias=f / 9),
    "Knapsack": lambda f=1.0: al.bwk_lagrange(K, [1 + f, 3.0], 5).replace(
        inner=al.exp3(K, eta=f, low=-4.0, high=2.0), dual=al.hedge(3, eta=f, low=-1.0, high=4.0)
    ),
    "InverseGap": lambda f=1.0: al.InverseGap(BELIEFS["linear"](f), al.mean_score, f),
    "InformationDirected": lambda f=1.0: al.InformationDirected(BELIEFS["gaussian_arms"](f), 8),
    "Until": lambda f=1.0: al.Until(al.Softmax(BELIEFS["linear"](f), al.variance, f), al.below(f / 9)),
    "Until with a stop that remembers": lambda f=1.0: al.Until(
        al.Argmax(BELIEFS["logistic of three classes"](f), al.margin_score), al.Patience(STOPS["Plateau"](f)), GAUGES
    ),
    "Batched": lambda f=1.0: al.Batched(al.Argmax(BELIEFS["logistic"](f), SCORES["bald_score"](f)), 2),
    "Batched around TopTwo": lambda f=1.0: al.Batched(al.Epsilon(POLICIES["TopTwo"](f), f / 3), 3),
    "Budgeted": lambda f=1.0: al.Budgeted(al.Softmax(BELIEFS["counts"](f), al.ucb, f), f),
    "Budgeted batches": lambda f=1.0: al.Budgeted(al.Batched(al.linucb(D, prior=f), 2), f),
    "Unsure": lambda f=1.0: al.Unsure(al.Argmax(BELIEFS["logistic"](f), al.entropy_score), al.width_score, f / 99),
    "Unsure that learns its guesses": lambda f=1.0: al.Unsure(
        al.Batched(al.Argmax(BELIEFS["logistic"](f), al.entropy_score), 2), al.entropy_score, f / 99, guess=True
    ),
    "Trusting": lambda f=1.0: al.Trusting(al.Batched(al.Argmax(BELIEFS["logistic"](f), al.entropy_score), 2), f),
    "ucb1": lambda f=1.0: al.ucb1(K, scale=f),
    "thompson_bernoulli": lambda f=1.0: al.thompson_bernoulli(K, a=f, b=f),
    "linucb": lambda f=1.0: al.linucb(D, delta=f / 2, bound=f, prior=f, noise=f),
    "linucb of fixed width": lambda f=1.0: al.linucb(D, alpha=f),
    "lints": lambda f=1.0: al.lints(D, prior=f, noise=f),
    "pandora": lambda f=1.0: al.pandora(al.GaussianPrize(f * UNIT, UNIT), outside=f / 9, winners=2),
    "pandora_in_order": lambda f=1.0: al.pandora_in_order(al.BernoulliPrize(f * UNIT), UNIT / 9, [-1, 0, 0, 1, -1, 4]),
    "random": lambda f=1.0: al.random(K),
    "active_testing": lambda f=1.0: al.active_testing(BELIEFS["logistic"](f), LABELS % 2, eps=f / 2),
    "random that still learns": lambda f=1.0: al.random(BELIEFS["logistic"](f)),
    "PlayDesign": lambda f=1.0: al.PlayDesign(BELIEFS["linear"](f), jnp.full(K, 2)),
    "Argmax over items and labelers": lambda f=1.0: al.Argmax(BELIEFS["crowd"](f), SCORES["per_dollar"](f)),
    "SetPolicy": lambda f=1.0: al.SetPolicy(BELIEFS["logistic"](f), al.score(al.softmax_rule, temperature=f), 2),
    "SetPolicy that looks at features": lambda f=1.0: al.SetPolicy(BELIEFS["linear"](f), al.k_center_rule, 3),
}
POLICIES |= {
    "selective_perceptron": lambda f=1.0: al.selective_perceptron(D, b=f),
    "margin_stream": lambda f=1.0: al.margin_stream(BELIEFS["finite"](f), rate=f / 2, step=f),
    "IWAL": lambda f=1.0: al.IWAL(BELIEFS["finite"](f), delta=f / 2, least=f),
    "A2": lambda f=1.0: al.A2(BELIEFS["finite"](f), np.ones(K), delta=f / 2),
}
ALIASES = {"cal", "gbs", "best_of", "budgeted_ucb", "double_thompson", "rucb", "lucb", "router", "track_and_stop"} | {
    "bayes_ucb", "epsilon_decreasing", "epsilon_greedy", "explore_then_commit", "kl_ucb", "moss",
    "successive_elimination", "thompson_gaussian", "ucb_v", "gittins_bernoulli", "gittins_gaussian", "gittins_finite",
    "bwk_lagrange", "contextual_duels", "exp3", "exp3_ix", "exp4", "hedge", "information_directed", "square_cb",
    "tsallis_inf",
    "discounted_ucb", "m_ucb", "sw_ucb", "ti_ucb", "glm_ucb", "neural_linear", "thompson_logistic",
}  # fmt: skip
"""One-line names of policies that are there with other parts; each has its own tests."""
STOP_RULES = {"never", "below", "outpriced", "best_arm_known", "weitzman_stop"}
PHASED = {
    "FixedMix",
    "KwikCluster",
    "disagreements",
    "Rage",
    "UcbKnapsack",
    "ucb_bwk",
    "OdLinBai",
    "PhasedElimination",
    "SequentialHalving",
}
"""Policies with no belief to spoil; each has its own tests."""
SET_RULES = {name for name in al.policies.__all__ if name.endswith("_rule")}
"""Rules of `SetPolicy`; each has its own tests."""

RECORD = np.array([[i, w, (i + i * w) % C] for i in range(K) for w in range(1 + i % 2)])


def halfspace(key):
    """A normal item, and the side of a plane it is on."""
    x = jax.random.normal(key, (D,))
    return x, (x[0] > 0).astype(jnp.int32)


TEAMS = {"Chain", "Panel", "Team", "cascade", "fit_cascade", "fit_vote", "vote"}
"""What arms are made of other arms; they have their own tests."""

ORACLES: dict[str, Callable[..., Any]] = {
    "BernoulliBandit": lambda f=1.0: al.BernoulliBandit(f * UNIT),
    "PricedBandit": lambda f=1.0: al.PricedBandit(f * UNIT, f * UNIT),
    "KnapsackBandit": lambda f=1.0: al.KnapsackBandit(f * UNIT, f * np.abs(X) / 4),
    "DuelBandit": lambda f=1.0: al.DuelBandit(0.5 + f * (np.arange(3)[:, None] - np.arange(3)) / 5, f),
    "ContextualDuels": lambda f=1.0: al.ContextualDuels(f * X[0], 3, f),
    "ClusterPairs": lambda f=1.0: al.ClusterPairs(LABELS[:3, None] == LABELS[:3], f, f / 3),
    "NoisySearch": lambda f=1.0: al.NoisySearch(al.GaussianPrize(f * UNIT, UNIT), f * UNIT, f),
    "PathSurvey": lambda f=1.0: al.PathSurvey(f * X, np.eye(K), noise=f, rate=f, fixed=f, start=2),
    "MissingPool": lambda f=1.0: al.MissingPool(
        f * X, LABELS, X > 0, [[False] * D, [True] * D], feature_price=f, label_price=f
    ),
    "PromptStream": lambda f=1.0: al.PromptStream(
        X,
        np.tile(f * UNIT, (K, 1)),
        f * np.tile(UNIT, (K, 1)),
        judge=f / 3,
        since=np.arange(K) // 4,
        change=1,
        factor=f,
    ),
    "TrialSearch": lambda f=1.0: al.TrialSearch(f * X, f * np.arange(1.0, D + 1), batch=2),
    "BayesBernoulliBandit": lambda f=1.0: al.BayesBernoulliBandit(K, a=f, b=f),
    "GaussianBandit": lambda f=1.0: al.GaussianBandit(f * UNIT, sd=f),
    "GaussianBandit with a noise for each arm": lambda f=1.0: al.GaussianBandit(UNIT, sd=f * UNIT),
    "AdversarialBandit": lambda f=1.0: al.AdversarialBandit(
        f * np.tile(UNIT, (3, 1)), np.arange(3 * K).reshape(3, K) != 1
    ),
    "AdaptiveAdversary": lambda f=1.0: al.AdaptiveAdversary(K),
    "AdviceBandit": lambda f=1.0: al.AdviceBandit(f * np.tile(UNIT, (2, 1)), np.full((2, K, D), 1 / K)),
    "DriftingBandit": lambda f=1.0: al.DriftingBandit(K, f / 9),
    "PiecewiseBandit": lambda f=1.0: al.PiecewiseBandit(f * np.stack([UNIT, 1 - UNIT]), [1]),
    "RisingBandit": lambda f=1.0: al.RisingBandit(f * np.cumsum(np.tile(UNIT, (4, 1)), 0), sd=f),
    "LogisticBandit": lambda f=1.0: al.LogisticBandit(f * X[0], K),
    "LinearBandit": lambda f=1.0: al.LinearBandit(f * X, X[0], sd=f),
    "ContextualBandit": lambda f=1.0: al.ContextualBandit(f * X[0], K, sd=f),
    "LabelStream": lambda f=1.0: al.LabelStream(f * X, LABELS, mass=UNIT, flip=f * UNIT, price=f),
    "SampledStream": lambda f=1.0: al.SampledStream(halfspace, K, flip=f / 2, price=f),
    "BoxSearch": lambda f=1.0: al.BoxSearch(
        al.ExponentialPrize(f * UNIT), UNIT, parent=[-1, 0, 0, 1, -1, 4], winners=2
    ),
    "TableSearch": lambda f=1.0: al.TableSearch(f * X.T, UNIT, f),
    "LabelPool": lambda f=1.0: al.LabelPool(f * X, LABELS),
    "LabelPool with labelers": lambda f=1.0: al.LabelPool(
        X, LABELS, [f, 3.0], [0.3, 0.0], kind=["hard", "uniform"], informative=f, held_out=0.3
    ),
    "ReplayPool": lambda f=1.0: al.ReplayPool(RECORD, X=f * X, y=LABELS, price=[f, 0.5], noise=f / 3),
}


@contextmanager
def doubles(on: bool = True) -> Iterator[None]:
    """Double precision for what is built inside; tables of the catalogue stay single and mix with it."""
    with jax.enable_x64(on), jax.numpy_dtype_promotion("standard"):
        yield


def belief_of(policy: Any) -> Any:
    """The belief inside a policy, however wrapped."""
    return belief_of(policy.inner) if hasattr(policy, "inner") else policy.belief


def acting(state: Any) -> Acting:
    """The state that holds belief and status, however wrapped."""
    return acting(state.inner) if hasattr(state, "inner") else state


def with_belief(policy: Any, change: Callable[[Any], Any]) -> Any:
    """The same policy with its belief changed."""
    if hasattr(policy, "inner"):
        return policy.replace(inner=with_belief(policy.inner, change))
    return policy.replace(belief=change(policy.belief))


def menu_for(belief: Any) -> al.Menu:
    """A menu of K items that fits a belief, with different prices and noise and one item closed."""
    numbered = hasattr(belief, "arms") or getattr(belief, "items", None) is not None
    x = jnp.arange(K) if numbered else jnp.asarray(X)
    x = al.product(jnp.asarray(X[: K // 2]), 2) if hasattr(belief, "labelers") else x
    price = jnp.asarray([0.1, 0.2, 0.3, 0.0, 0.4, 0.5])
    return al.menu(x, price=price, noise=jnp.linspace(0, 0.25, K), open=jnp.arange(K) != 2)


def outcomes_for(belief: Any, size: int) -> jax.Array:
    """Outcomes a belief can learn from."""
    if hasattr(belief, "classes"):
        return jnp.arange(size) % belief.classes
    return jnp.linspace(0, 1, size)


def supports(score: Any, belief: Any) -> bool:
    """Whether a belief has what a score asks for."""
    return all(hasattr(belief, name) for name in asks_for(score))


def asks_for(score: Any) -> set[str]:
    """The capabilities a score asks of a belief."""
    return set(getattr(score.numbers.get("inner", score).fn, "needs", ()))


def asked_of(name: str) -> list[str]:
    """The scores that a belief supports (means and draws of class 1 are for two classes)."""
    belief = BELIEFS[name]()
    for_two = [
        s
        for s in SCORES
        if getattr(belief, "classes", 2) > 2 and asks_for(SCORES[s]()) & {"mean", "sample", "log_odds"}
    ]
    few = ("disagreement",) if name == "halfspaces" else SCORES  # otherwise as `finite` is
    return [s for s in few if s not in for_two and supports(SCORES[s](), belief)]


PAIRS = [(s, b) for b in BELIEFS for s in asked_of(b) if b not in TOGETHER]
"""Every score with every belief that supports it, one program each."""
PAIRS = [(s, b) for s, b in PAIRS if s not in ONCE or b == next(other for name, other in PAIRS if name == s)]
PAIRS.remove(("thompson", "boxes"))
"""The boxes of these tests are all open, so a draw of what they hold is no longer random."""
