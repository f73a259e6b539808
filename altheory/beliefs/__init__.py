"""Beliefs: what is known, as a pytree with `update` and the capabilities scores ask for."""

from altheory.beliefs.beta import BetaBernoulli, beta_bernoulli
from altheory.beliefs.counts import Counts, counts
from altheory.beliefs.finite import Finite, finite, halfspaces
from altheory.beliefs.linear import Linear, linear
from altheory.beliefs.logistic import Logistic, logistic

__all__ = [
    "BetaBernoulli",
    "Counts",
    "Finite",
    "Linear",
    "Logistic",
    "beta_bernoulli",
    "counts",
    "finite",
    "halfspaces",
    "linear",
    "logistic",
]
