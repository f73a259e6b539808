"""Indices of stochastic bandits: how good an arm may be, given what it paid."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Key, Menu, Scalar, needs

NEWTON_STEPS = 7


def kl_upper(mean: Float[Array, "*n"], level: Float[Array, "*n"]) -> Float[Array, "*n"]:
    r"""The largest q with :math:`\mathrm{kl}(p, q) \le \ell`, for means p in [0, 1] and levels :math:`\ell \ge 0`.

    :math:`\mathrm{kl}(p, q) = p\ln\frac pq + (1-p)\ln\frac{1-p}{1-q}`; 1 where p is. Newton's steps in
    :math:`w = -\ln(1-q)`, in which kl is convex: from an upper bound on the root they come down and never pass it.
    Cite: garivier2011kl.
    """
    p = jnp.clip(mean, 0, 1)
    inner = jnp.clip(p, 0, 1 - jnp.finfo(p.dtype).eps)
    plogp = jax.scipy.special.xlogy(inner, inner)
    left = -jnp.log1p(-inner)
    pinsker = inner + jnp.sqrt(level / 2)
    high = (level - plogp) / (1 - inner) + left
    near = -jnp.log1p(-jnp.minimum(pinsker, 1 - jnp.finfo(p.dtype).eps))
    high = jnp.where(pinsker < 1, jnp.minimum(high, near), high)

    def step(_: int, w: Array) -> Array:
        q = jnp.maximum(-jnp.expm1(-w), jnp.finfo(p.dtype).tiny)
        excess = plogp - jax.scipy.special.xlogy(inner, q) + (1 - inner) * (w - left) - level
        slope = 1 - inner / q
        return jnp.clip(w - excess / jnp.where(slope > 0, slope, 1), left, w)

    w = jax.lax.fori_loop(0, NEWTON_STEPS, step, high)
    return jnp.where(level == jnp.inf, 1, jnp.where(p < 1, jnp.clip(-jnp.expm1(-w), p, 1), 1))


def _span(belief: Any) -> tuple[Any, Any]:
    """Where rewards start, and how wide their range is: [0, 1] where the belief names none."""
    low, high = getattr(belief, "low", None), getattr(belief, "high", None)
    return (0.0, 1.0) if low is None or high is None else (low, jnp.asarray(high) - low)


@needs("mean", "count", "low")
def kl_ucb_index(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    r"""The KL-UCB index: the largest q with :math:`N_k\,\mathrm{kl}(\hat\mu_k, q) \le \ln(1 + t\ln^2t)` in round t.

    Rewards are brought to [0, 1] from the belief's `low` and `high`; unplayed arms have 1. For 0/1 rewards the
    regret is Lai and Robbins' in the limit; for any others in the range the bound holds too. Cite: garivier2011kl.
    """
    low, width = _span(belief)
    n = belief.count(menu)
    t = n.sum() + 1
    level = jnp.log1p(t * jnp.log(t) ** 2) / jnp.where(n > 0, n, 1)
    index = kl_upper((belief.mean(menu) - low) / width, level)
    return jnp.where(n > 0, low + width * index, jnp.inf)


@needs("mean", "count", "variance", "low")
def ucb_v_index(belief: Any, menu: Menu, key: Key, *, zeta: Scalar = 1.2, c: Scalar = 1.0) -> Float[Array, "K"]:
    r"""The UCB-V index :math:`\hat\mu_k + \sqrt{2\hat V_k\zeta\ln t/N_k} + 3cb\zeta\ln t/N_k`, b the range of rewards.

    :math:`\hat V_k` is the empirical variance: arms that hardly vary are explored less. Infinite where :math:`N_k = 0`.
    Cite: audibert2009exploration.
    """
    n = belief.count(menu)
    log = zeta * jnp.log(jnp.maximum(n.sum(), 1)) / jnp.where(n > 0, n, 1)
    bonus = jnp.sqrt(2 * belief.variance(menu) * log) + 3 * c * _span(belief)[1] * log
    return jnp.where(n > 0, belief.mean(menu) + bonus, jnp.inf)


@needs("mean", "count", "scale")
def moss_index(belief: Any, menu: Menu, key: Key, *, horizon: Scalar = 1000.0) -> Float[Array, "K"]:
    r"""The MOSS index :math:`\hat\mu_k + 2\sigma\sqrt{\ln^+(T/(KN_k))/N_k}`, :math:`\sigma` the belief's `scale`.

    T = `horizon`; K counts open arms. Regret of the order :math:`\sqrt{KT}`, the least possible. Infinite where
    :math:`N_k = 0`. Cite: audibert2009minimax.
    """
    n = belief.count(menu)
    plays = jnp.where(n > 0, n, 1)
    arms = jnp.maximum(menu.open.sum(), 1).astype(n.dtype)
    log = jnp.maximum(jnp.log(horizon / (arms * plays)), 0)
    return jnp.where(n > 0, belief.mean(menu) + 2 * jnp.asarray(belief.scale) * jnp.sqrt(log / plays), jnp.inf)


@needs("upper", "count")
def bayes_ucb_index(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    r"""The Bayes-UCB index: what the arm's mean exceeds with posterior probability 1/t, in round t.

    The theorem of optimality has :math:`1/(t\ln^5T)`; its authors advise 1/t. Cite: kaufmann2012bayesian.
    """
    return belief.upper(menu, 1 / (jnp.maximum(belief.count(menu).sum(), 1) + 1))


@needs("mean", "count")
def gittins_score(belief: Any, menu: Menu, key: Key, *, index: Float[Array, "a b"]) -> Float[Array, "K"]:
    """The Gittins index of a Bernoulli arm under a Beta(1, 1) prior, read from `bernoulli_gittins(limit, beta).index`.

    Exact for 0/1 rewards while an arm's a + b is within the table's limit; beyond it the entry of the same mean at the
    limit is read, which is too large by less than what the arm could still teach there. Cite: gittins2011multi.
    """
    limit = index.shape[0]
    n = belief.count(menu) + 2
    size = jnp.minimum(jnp.round(n), limit)
    a = jnp.clip(jnp.round(belief.mean(menu) * size), 1, size - 1)
    return jnp.asarray(index, n.dtype)[a.astype(jnp.int32), (size - a).astype(jnp.int32)]


@needs("mean", "std")
def gaussian_gittins_score(
    belief: Any, menu: Menu, key: Key, *, index: Float[Array, "pulls"], prior: Scalar = 1.0, noise: Scalar = 1.0
) -> Float[Array, "K"]:
    r"""The Gittins index of a Gaussian arm whose pulls lie `noise` about its mean, from `gaussian_gittins`.

    It is the posterior mean and `noise` times the table's entry at :math:`(\sigma/s)^2 - n_0` pulls, s the posterior
    deviation and :math:`n_0` the table's `prior`: on a straight line between entries, and falling as one over the
    pulls beyond them. Cite: gittins2011multi.
    """
    index = jnp.asarray(index, menu.price.dtype)
    last = index.shape[0] - 1
    worth = (noise / belief.std(menu)) ** 2
    inside = jnp.interp(worth - prior, jnp.arange(last + 1, dtype=index.dtype), index)
    return belief.mean(menu) + noise * inside * jnp.minimum((last + prior) / worth, 1)


@needs("mean", "count")
def finite_gittins_score(belief: Any, menu: Menu, key: Key, *, index: Float[Array, "left a b"]) -> Float[Array, "K"]:
    """The finite-horizon index of a Bernoulli arm under a Beta(1, 1) prior, from `bernoulli_finite_gittins(horizon)`.

    It is the table's entry for the rounds that are left. Cite: kaufmann2018bayesian.
    """
    n = belief.count(menu)
    left = jnp.clip(index.shape[0] - 1 - n.sum(), 1, index.shape[0] - 1).astype(jnp.int32)
    n = jnp.minimum(n, index.shape[0] - 2)
    won = jnp.clip(jnp.round(belief.mean(menu) * (n + 2)) - 1, 0, n).astype(jnp.int32)
    return jnp.asarray(index, n.dtype)[left, won, n.astype(jnp.int32) - won]


@needs("mean", "count")
def explore_first(belief: Any, menu: Menu, key: Key, *, pulls: Scalar = 10.0) -> Float[Array, "K"]:
    """Explore, then commit: infinite for an arm with fewer than `pulls` plays, then its mean.

    It commits where the mean is frozen from then on, as `counts(arms, most=pulls)` does. Cite: lattimore2020bandit.
    """
    return jnp.where(belief.count(menu) < pulls, jnp.inf, belief.mean(menu))


@needs("count", "contends")
def contender_score(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    """Minus the number of plays, for an arm that may still be best: these take turns; the others come last.

    Cite: evendar2006action.
    """
    return jnp.where(belief.contends(menu), -belief.count(menu), -jnp.inf)
