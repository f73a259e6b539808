"""Policies that weigh what a choice loses against what it tells: inverse gaps, and information-directed sampling."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.beliefs import beta_bernoulli, linear
from altheory.core import Key, Menu, Scalar, ScoreFn, StopFn, leaf, record, static
from altheory.core import score as bind
from altheory.core.check import at_least, nonnegative
from altheory.policies.pick import Acting, even, learn, pick, start, stops, worth
from altheory.policies.stop import never
from altheory.scores import mean_score


@record
class InverseGap:
    r"""Play item k with probability :math:`1/(K + \gamma(s_b - s_k))`, b the best score; b has the rest.

    K counts open items. With predicted rewards as scores this is SquareCB's law: whatever the true rewards are, its
    regret is at most :math:`2(K-1)/\gamma` plus :math:`\gamma/4` times its expected squared error. Cite:
    foster2020beyond, abe1999associative.
    """

    belief: Any
    score: ScoreFn = leaf(default=mean_score, converter=bind)
    gamma: float | Float[Array, ""] = 10.0
    stop: StopFn = leaf(default=never, converter=bind)

    init, select, stops, update = start, pick, stops, learn

    def __check__(self) -> None:
        nonnegative("InverseGap gamma", self.gamma)

    def scores(self, state: Acting, menu: Menu, key: Key) -> Float[Array, "K"]:
        return self.score(state.belief, menu, key)

    def weigh(self, scores: Float[Array, "K"], open: Bool[Array, "K"]) -> Float[Array, "K"]:
        return inverse_gaps(scores, open, self.gamma)


def inverse_gaps(scores: Float[Array, "K"], open: Bool[Array, "K"], gamma: Scalar) -> Float[Array, "K"]:
    """The law of `InverseGap`."""
    s = worth(scores, open)
    best = jnp.arange(s.shape[0]) == jnp.argmax(s)
    count = jnp.maximum(open.sum(), 1).astype(s.dtype)
    gap = jnp.minimum(jnp.where(open, s.max() - s, 0), jnp.finfo(s.dtype).max)
    others = jnp.where(open & ~best, 1 / (count + gamma * gap), 0)
    return jnp.where(open.any(), jnp.where(best, 1 - others.sum(), others), 0)


@record
class InformationDirected:
    r"""Information-directed sampling: play the law :math:`\pi` that minimises :math:`\Delta(\pi)^2/g(\pi)`.

    :math:`\Delta_k` is the expected regret of item k and :math:`g_k = \mathrm{Var}(E[v_k \mid A^\star])` how much its
    mean reward depends on which item is best, both from `draws` joint posterior draws of a belief with `sample`. The
    law has at most two items. Costs draws x K + K^2 and a matrix product [K, draws] x [draws, K] a round. Cite:
    russo2018learning.
    """

    belief: Any
    draws: int = static(default=100)
    stop: StopFn = leaf(default=never, converter=bind)

    init, select, stops, update = start, pick, stops, learn

    def __check__(self) -> None:
        at_least("InformationDirected draws", self.draws, 2)
        if not hasattr(self.belief, "sample"):
            raise TypeError(f"InformationDirected needs a belief with `sample`; {type(self.belief).__name__} has none")

    def scores(self, state: Acting, menu: Menu, key: Key) -> Float[Array, "2 K"]:
        """Minus the expected regret, and the information, of each item."""
        keys = jax.random.split(key, self.draws)
        value = jax.vmap(lambda k: state.belief.sample(menu, k))(keys)
        shown = jnp.where(menu.open, value, -jnp.inf)
        best = jax.nn.one_hot(jnp.argmax(shown, -1), value.shape[-1], dtype=value.dtype)
        share, mean = best.mean(0), value.mean(0)
        given = jnp.einsum("mb,mk->bk", best, value - mean) / jnp.maximum(best.sum(0), 1)[:, None]
        information = jnp.einsum("b,bk->k", share, given**2)
        return jnp.stack([mean - jnp.where(menu.open.any(), shown.max(-1), 0).mean(), information])

    def weigh(self, scores: Float[Array, "2 K"], open: Bool[Array, "K"]) -> Float[Array, "K"]:
        known = open & ~jnp.isnan(scores).any(0)
        usable = jnp.where(known.any(), known, open)
        gap = jnp.maximum(jnp.where(known, -scores[0], 0), 0)
        gain = jnp.where(known, scores[1], 0)
        first, second, share = best_pair(gap, gain, usable)
        law = jnp.zeros(gap.shape).at[first].add(1 - share).at[second].add(share)
        return jnp.where(known.any(), law, even(open))


def best_pair(
    gap: Float[Array, "K"], gain: Float[Array, "K"], usable: Bool[Array, "K"]
) -> tuple[Array, Array, Float[Array, ""]]:
    r"""The items i, j and the share q of j that minimise :math:`((1-q)\Delta_i + q\Delta_j)^2/((1-q)g_i + qg_j)`.

    In q it is a square over a line, hence convex, with its minimum at :math:`\Delta_i/D - 2g_i/G` for
    :math:`D = \Delta_j - \Delta_i`, :math:`G = g_j - g_i`, or at an end.
    """
    step, more = gap[None] - gap[:, None], gain[None] - gain[:, None]
    even_step = (step == 0) | (more == 0)
    inner = gap[:, None] / jnp.where(even_step, 1, step) - 2 * gain[:, None] / jnp.where(even_step, 1, more)
    share = jnp.stack([jnp.zeros_like(inner), jnp.where(even_step, 1, jnp.clip(inner, 0, 1)), jnp.ones_like(inner)])
    lost, told = (gap[:, None] + share * step) ** 2, gain[:, None] + share * more
    tiny = jnp.finfo(gap.dtype).tiny
    ratio = jnp.where(told > tiny, lost / jnp.maximum(told, tiny), jnp.where(lost > 0, jnp.inf, 0))
    ratio = jnp.where(usable[:, None] & usable, jnp.minimum(ratio, jnp.finfo(gap.dtype).max), jnp.inf)
    lead = jnp.where((gain > tiny).any(), ratio, jnp.where(usable, gap, jnp.inf)[:, None] + jnp.zeros_like(ratio))
    at, i, j = jnp.unravel_index(jnp.argmin(lead), ratio.shape)
    return i, j, share[at, i, j]


def square_cb(dim: int, *, gamma: Scalar = 10.0, prior: Scalar = 1.0, noise: Scalar = 1.0) -> InverseGap:
    r"""SquareCB in `dim` features with ridge regression as its oracle.

    `gamma` grows like the square root of K times the horizon over the squared error of regression. Cite:
    foster2020beyond.
    """
    return InverseGap(linear(dim, prior=prior, noise=noise), mean_score, gamma)


def information_directed(
    arms: int, *, a: Scalar = 1.0, b: Scalar = 1.0, draws: int = 100, low: Scalar = 0.0, high: Scalar = 1.0
) -> InformationDirected:
    """Information-directed sampling on `arms` arms under Beta(a, b) priors, rewards in [`low`, `high`].

    Cite: russo2018learning.
    """
    return InformationDirected(beta_bernoulli(arms, a=a, b=b, low=low, high=high), draws)
