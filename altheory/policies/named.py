"""One-line names for well-known policies."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.beliefs import Finite, beta_bernoulli, boxes, counts, duels, finite, linear, perceptron
from altheory.core import Key, Menu, Scalar, score
from altheory.policies.argmax import Argmax
from altheory.policies.stop import weitzman_stop
from altheory.policies.streams import QueryRate, SelectiveSampling
from altheory.scores import (
    disagreement,
    double_thompson_score,
    margin_chance,
    margin_score,
    oful_index,
    precedence_indices,
    removed_mass_score,
    reservation,
    rucb_score,
    thompson,
    ucb,
    ucb1_index,
    uniform,
)


def ucb1(
    arms: int, *, scale: Scalar = 1.0, low: Scalar = 0.0, high: Scalar = 1.0, noise: Scalar | None = None
) -> Argmax:
    """UCB1 on `arms` arms with rewards in [`low`, `high`], or of sub-Gaussian scale `noise` where that is given.

    `scale` multiplies the bonus (the theorem needs 1). Cite: auer2002finite.
    """
    belief = counts(arms, low=low, high=high) if noise is None else counts(arms, scale=noise)
    return Argmax(belief, score(ucb1_index, scale=scale))


def thompson_bernoulli(arms: int, *, a: Scalar = 1.0, b: Scalar = 1.0, low: Scalar = 0.0, high: Scalar = 1.0) -> Argmax:
    """Thompson sampling on `arms` Bernoulli arms under Beta(a, b) priors; any rewards in [`low`, `high`] will do.

    Cite: thompson1933likelihood.
    """
    return Argmax(beta_bernoulli(arms, a=a, b=b, low=low, high=high), thompson)


def linucb(
    dim: int,
    *,
    alpha: Scalar | None = None,
    delta: Scalar = 0.05,
    bound: Scalar = 1.0,
    prior: Scalar = 1.0,
    noise: Scalar = 1.0,
) -> Argmax:
    """LinUCB in `dim` features: a fixed width of `alpha` standard deviations, or OFUL's anytime radius where None.

    Cite: abbasi2011improved, li2010contextual.
    """
    index = score(oful_index, delta=delta, bound=bound) if alpha is None else score(ucb, width=alpha)
    return Argmax(linear(dim, prior=prior, noise=noise), index)


def lints(dim: int, *, prior: Scalar = 1.0, noise: Scalar = 1.0) -> Argmax:
    """Linear Thompson sampling in `dim` features. Cite: agrawal2013thompson."""
    return Argmax(linear(dim, prior=prior, noise=noise), thompson)


def pandora(prize: Any, *, outside: Scalar = 0.0, winners: int = 1) -> Argmax:
    """Weitzman's rule: open the box of the highest reservation value, stop when the best in hand is at least all left.

    `prize` holds the laws of the boxes. Optimal where they are independent, prizes found are kept, and none is taken
    unseen; with `winners` > 1 the sum of the best ones found counts, and the rule stops at the least of them.
    Cite: weitzman1979optimal, singla2018price.
    """
    return Argmax(boxes(prize, outside=outside, winners=winners), reservation, weitzman_stop)


def pandora_in_order(prize: Any, price: Any, parent: Sequence[int] | np.ndarray, *, outside: float = 0.0) -> Argmax:
    """Weitzman's rule where box k may be opened only after `parent[k]` (-1: at once), by indices of whole subtrees.

    Optimal where the parents form a forest. Raises as `precedence_indices` does. Cite: boodaghians2020pandora.
    """
    index, _ = precedence_indices(prize, price, parent, outside=outside)
    return Argmax(boxes(prize, outside=outside), score(_by_index, index=jnp.asarray(index)), weitzman_stop)


def _by_index(belief: Any, menu: Menu, key: Key, *, index: Float[Array, "arms"]) -> Float[Array, "K"]:
    """An index computed beforehand, looked up by item id."""
    return index[menu.x]


def random(belief: Any) -> Argmax:
    """A uniformly random open item; `belief` still learns (a number of arms stands for `counts(arms)`)."""
    return Argmax(counts(belief) if isinstance(belief, int) else belief, uniform)


def gbs(hypotheses: Any, *, classes: int = 2, prior: Any = None) -> Argmax:
    """Generalised binary search over a table of hypotheses `[H, N]`, or a `Finite` belief: halve what is left of them.

    Cite: dasgupta2004analysis.
    """
    return Argmax(_over(hypotheses, classes, prior), removed_mass_score)


def cal(hypotheses: Any, *, classes: int = 2, prior: Any = None) -> SelectiveSampling:
    """CAL on a stream: ask where hypotheses that agree with all labels so far disagree. Labels must be right.

    `hypotheses` is a table `[H, N]` over the stream's items, or a `Finite` belief. Cite: cohn1994improving.
    """
    return SelectiveSampling(_over(hypotheses, classes, prior), disagreement)


def selective_perceptron(dim: int, *, b: Scalar = 0.5) -> SelectiveSampling:
    """The selective sampling perceptron in `dim` features: ask with probability :math:`b/(b+|m|)`, m the margin.

    `b` is in units of the features' squared length: half of it gives the perceptron's own bound on mistakes.
    Cite: cesabianchi2006worst.
    """
    return SelectiveSampling(perceptron(dim), score(margin_chance, b=b))


def margin_stream(belief: Any, *, rate: Scalar = 0.1, step: Scalar = 0.02) -> QueryRate:
    """A stream asked where the margin is narrow, at a `rate`: the first items are asked about, then the narrowest."""
    return QueryRate(belief, margin_score, rate, step, -1.0)


def _over(hypotheses: Any, classes: int, prior: Any) -> Finite:
    return hypotheses if isinstance(hypotheses, Finite) else finite(hypotheses, classes=classes, prior=prior)


def rucb(items: int, *, delta: Scalar = 0.05) -> Argmax:
    """RUCB on duels of `items` items with a Condorcet winner: after finitely many duels that one meets only itself.

    With probability 1 - `delta` at all times (`rucb-delta`). Cite: zoghi2014relative.
    """
    return Argmax(duels(items), score(rucb_score, delta=delta))


def double_thompson(items: int) -> Argmax:
    """Double Thompson sampling on duels of `items` items. Cite: wu2016double."""
    return Argmax(duels(items), double_thompson_score)
