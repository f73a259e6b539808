"""Laws of prizes: what a box may hold before it is opened."""

from altheory.scores.prizes.closed import ExponentialPrize, GaussianPrize, UniformPrize
from altheory.scores.prizes.common import Prize
from altheory.scores.prizes.discrete import BernoulliPrize, DiscretePrize, SamplePrize
from altheory.scores.prizes.solved import BetaPrize, LogNormalPrize, MixturePrize, StudentPrize

__all__ = [
    "BernoulliPrize",
    "BetaPrize",
    "DiscretePrize",
    "ExponentialPrize",
    "GaussianPrize",
    "LogNormalPrize",
    "MixturePrize",
    "Prize",
    "SamplePrize",
    "StudentPrize",
    "UniformPrize",
]
