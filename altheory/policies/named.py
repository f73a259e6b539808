"""One-line names for well-known policies."""

from typing import Any

from altheory.beliefs import beta_bernoulli, counts, linear
from altheory.core import Scalar, score
from altheory.policies.argmax import Argmax
from altheory.scores import oful_index, thompson, ucb, ucb1_index, uniform


def ucb1(arms: int, *, scale: Scalar = 1.0) -> Argmax:
    """UCB1 on `arms` arms with rewards in [0, 1]; `scale` multiplies the bonus (the theorem needs 1).

    Cite: auer2002finite.
    """
    return Argmax(counts(arms), score(ucb1_index, scale=scale))


def thompson_bernoulli(arms: int, *, a: Scalar = 1.0, b: Scalar = 1.0) -> Argmax:
    """Thompson sampling on `arms` Bernoulli arms under Beta(a, b) priors. Cite: thompson1933likelihood."""
    return Argmax(beta_bernoulli(arms, a=a, b=b), thompson)


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


def random(belief: Any) -> Argmax:
    """A uniformly random open item; `belief` still learns (a number of arms stands for `counts(arms)`)."""
    return Argmax(counts(belief) if isinstance(belief, int) else belief, uniform)
