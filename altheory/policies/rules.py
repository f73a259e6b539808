"""Rules on sets: which items to buy together, by the kernels of `altheory.scores`.

Each is `(belief, menu, key, *, size, labelled, ...) -> picks [size]`. An item whose prediction or score is NaN is not
picked. The pool is what is open or labelled: rows closed for another reason, such as held-out items, count for nothing.
Memory beyond a kernel's own is one copy of the features, a row a menu row.
"""

from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Key, Menu, ScoreFn, features, needs
from altheory.scores import (
    badge,
    bait,
    bald_score,
    batch_bald,
    certainty_gain,
    cluster_margin,
    contextual_diversity,
    diverse_and_uncertain,
    entropy_score,
    k_center,
    k_means,
    k_means_representatives,
    margin_score,
    power_batch,
    probability_cover,
    soft_rank_batch,
    softmax_batch,
    typiclust,
)
from altheory.scores.wrappers import seen

Picks = Int[Array, "size"]
Labelled = Bool[Array, "K"] | None
Number = Float[Array, ""] | float


def _probs(belief: Any, menu: Menu) -> tuple[Float[Array, "K C"], Bool[Array, "K"]]:
    """Predictions, with rows that are no numbers made uniform and closed."""
    return _clean(belief.probs(menu), menu)


def _clean(p: Float[Array, "... K C"], menu: Menu) -> tuple[Float[Array, "... K C"], Bool[Array, "K"]]:
    known = jnp.isfinite(p).all(-1)
    known = known if known.ndim == 1 else known.all(0)
    return jnp.where(known[:, None], p, jnp.asarray(1 / p.shape[-1], p.dtype)), menu.open & known


def _scores(score: ScoreFn, belief: Any, menu: Menu, key: Key) -> tuple[Float[Array, "K"], Bool[Array, "K"]]:
    s = score(belief, menu, key)
    known = jnp.isfinite(s)
    return jnp.where(known, s, 0), menu.open & known


def _none(menu: Menu, labelled: Labelled) -> Bool[Array, "K"]:
    return jnp.zeros(menu.open.shape, bool) if labelled is None else labelled


def _away(menu: Menu, labelled: Labelled) -> Float[Array, "K d"]:
    """Features, with the rows outside the pool moved to one place far from all others."""
    x = features(menu.x)
    present = (menu.open | _none(menu, labelled))[:, None]
    low = jnp.where(present, x, jnp.inf).min(0)
    high = jnp.where(present, x, -jnp.inf).max(0)
    return jnp.where(present, x, jnp.where(present.any(), high + 4 * (high - low).max(), 0))


def _zeroed(menu: Menu, labelled: Labelled) -> Float[Array, "K d"]:
    """Features, with the rows outside the pool at 0, where their cosines are."""
    return jnp.where((menu.open | _none(menu, labelled))[:, None], features(menu.x), 0)


@needs("predictive")
def batch_bald_rule(
    belief: Any,
    menu: Menu,
    key: Key,
    *,
    size: int = 1,
    labelled: Labelled = None,
    draws: int = 32,
    configurations: int = 256,
) -> Picks:
    """The items whose labels together say most about the parameters: `batch_bald` of `draws` predictions.

    Cite: kirsch2019batchbald.
    """
    predict_key, key = jax.random.split(key)
    p, open = _clean(belief.predictive(menu, predict_key, draws), menu)
    picks = batch_bald(p, size, key=key, open=open, configurations=configurations).picks
    return jnp.where(open[picks], picks, -1)


@needs("probs")
def badge_rule(belief: Any, menu: Menu, key: Key, *, size: int = 1, labelled: Labelled = None) -> Picks:
    """Items whose gradients are long and far apart: `badge` of predictions and features. Cite: ash2020deep."""
    p, open = _probs(belief, menu)
    return badge(p, seen(belief, menu), size, key=key, open=open)


@needs("probs")
def bait_rule(
    belief: Any,
    menu: Menu,
    key: Key,
    *,
    size: int = 1,
    labelled: Labelled = None,
    ridge: Number = 1.0,
    rank: int | None = None,
) -> Picks:
    """The items that leave least Fisher-weighted uncertainty: `bait` of predictions and features.

    Its time grows with the cube of classes times features; with `rank`, of classes times `rank` leading directions of
    the features. Cite: ash2021gone.
    """
    p, open = _probs(belief, menu)
    known = _none(menu, labelled)
    certain = jax.nn.one_hot(0, p.shape[1], dtype=p.dtype)
    p = jnp.where((open | known)[:, None], p, certain)
    return bait(p, seen(belief, menu), size, labelled=known, open=open, ridge=ridge, exchanges=1, rank=rank).picks


def k_center_rule(
    belief: Any,
    menu: Menu,
    key: Key,
    *,
    size: int = 1,
    labelled: Labelled = None,
    metric: Literal["l2", "angular"] = "l2",
) -> Picks:
    """Each item the farthest from what was bought: `k_center` of the features, or of the belief's embedding.

    Cite: sener2018active.
    """
    return k_center(seen(belief, menu), size, labelled=_none(menu, labelled), metric=metric, open=menu.open)


def certainty_gain_rule(belief: Any, menu: Menu, key: Key, *, size: int = 1, labelled: Labelled = None) -> Picks:
    """The items most similar to what nothing bought resembles: `certainty_gain`, a facility location.

    Cite: xia2025selection.
    """
    return _certain(_zeroed(menu, labelled), _none(menu, labelled), menu.open, size)


@partial(jax.jit, static_argnames="size")
def _certain(x: Array, labelled: Array, open: Array, size: int) -> Picks:
    return certainty_gain(x, size, labelled=labelled, open=open).picks


@needs("probs")
def contextual_diversity_rule(belief: Any, menu: Menu, key: Key, *, size: int = 1, labelled: Labelled = None) -> Picks:
    """Items whose predictions differ most from those bought: `contextual_diversity`. Cite: agarwal2020contextual."""
    p, open = _probs(belief, menu)
    return contextual_diversity(p, size, labelled=_none(menu, labelled), open=open)


def typiclust_rule(
    belief: Any,
    menu: Menu,
    key: Key,
    *,
    size: int = 1,
    labelled: Labelled = None,
    clusters: int | None = None,
    neighbours: int = 20,
) -> Picks:
    """Typical items of the clusters with fewest labels: `typiclust` with 10 x `size` clusters where not given.

    Cite: hacohen2022active.
    """
    x = _away(menu, labelled)
    k = min(10 * size, x.shape[0]) if clusters is None else clusters
    return typiclust(
        x, size, key=key, labelled=_none(menu, labelled), open=menu.open, clusters=k, neighbours=neighbours
    )


def probability_cover_rule(
    belief: Any, menu: Menu, key: Key, *, size: int = 1, labelled: Labelled = None, radius: Number = 1.0
) -> Picks:
    """The items whose balls of `radius` hold most of what is not yet covered: `probability_cover`.

    Cite: yehuda2022active.
    """
    x = _away(menu, labelled)
    return probability_cover(x, size, radius=radius, labelled=_none(menu, labelled), open=menu.open).picks


def cluster_margin_rule(
    belief: Any,
    menu: Menu,
    key: Key,
    *,
    size: int = 1,
    labelled: Labelled = None,
    score: ScoreFn = margin_score,
    clusters: int = 20,
) -> Picks:
    """The best-scored items, round robin over k-means clusters that are the same every round: `cluster_margin`.

    Cite: citovsky2021batch.
    """
    score_key, key = jax.random.split(key)
    s, open = _scores(score, belief, menu, score_key)
    x = _away(menu, labelled)
    groups = k_means(x, min(clusters, x.shape[0]), key=jax.random.key(0), iterations=20).labels
    return cluster_margin(s, groups, size, key=key, open=open)


def power_rule(
    belief: Any,
    menu: Menu,
    key: Key,
    *,
    size: int = 1,
    labelled: Labelled = None,
    score: ScoreFn = bald_score,
    power: Number = 1.0,
) -> Picks:
    """Items drawn in proportion to a power of a score of at least 0: `power_batch`. Cite: kirsch2023stochastic."""
    score_key, key = jax.random.split(key)
    s, open = _scores(score, belief, menu, score_key)
    return power_batch(jnp.maximum(s, 0), size, key=key, power=power, open=open)


def softmax_rule(
    belief: Any,
    menu: Menu,
    key: Key,
    *,
    size: int = 1,
    labelled: Labelled = None,
    score: ScoreFn = bald_score,
    temperature: Number = 1.0,
) -> Picks:
    """Items drawn in proportion to the exponential of a score: `softmax_batch`. Cite: kirsch2023stochastic."""
    score_key, key = jax.random.split(key)
    s, open = _scores(score, belief, menu, score_key)
    return softmax_batch(s, size, key=key, temperature=temperature, open=open)


def soft_rank_rule(
    belief: Any,
    menu: Menu,
    key: Key,
    *,
    size: int = 1,
    labelled: Labelled = None,
    score: ScoreFn = bald_score,
    power: Number = 1.0,
) -> Picks:
    """Items drawn by a power of the rank of their score: `soft_rank_batch`. Cite: kirsch2023stochastic."""
    score_key, key = jax.random.split(key)
    s, open = _scores(score, belief, menu, score_key)
    return soft_rank_batch(s, size, key=key, power=power, open=open)


def diverse_and_uncertain_rule(
    belief: Any,
    menu: Menu,
    key: Key,
    *,
    size: int = 1,
    labelled: Labelled = None,
    score: ScoreFn = entropy_score,
    weight: Number = 1.0,
) -> Picks:
    """One greedy for a score of at least 0 and coverage: `diverse_and_uncertain`. Cite: wei2015submodularity."""
    s, open = _scores(score, belief, menu, key)
    return _both(jnp.maximum(s, 0), _zeroed(menu, labelled), _none(menu, labelled), open, jnp.asarray(weight), size)


@partial(jax.jit, static_argnames="size")
def _both(scores: Array, x: Array, labelled: Array, open: Array, weight: Array, size: int) -> Picks:
    return diverse_and_uncertain(scores, x, size, weight=weight, labelled=labelled, open=open).picks


def k_means_rule(
    belief: Any, menu: Menu, key: Key, *, size: int = 1, labelled: Labelled = None, score: ScoreFn = entropy_score
) -> Picks:
    """The items nearest to k-means centres weighted by a score: `k_means_representatives`. Cite: zhdanov2019diverse."""
    score_key, key = jax.random.split(key)
    s, open = _scores(score, belief, menu, score_key)
    weight = jnp.where(open, jnp.maximum(s, 0), 0)
    return k_means_representatives(features(menu.x), size, key=key, weight=weight, open=open, iterations=20)
