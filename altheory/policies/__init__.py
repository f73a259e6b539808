"""Policies: who chooses, and the combinators that change how."""

from altheory.policies.argmax import Argmax, Softmax, TopTwo
from altheory.policies.combine import Batched, Budgeted, Epsilon, Until
from altheory.policies.named import lints, linucb, random, thompson_bernoulli, ucb1
from altheory.policies.stop import below, never

__all__ = [
    "Argmax",
    "Batched",
    "Budgeted",
    "Epsilon",
    "Softmax",
    "TopTwo",
    "Until",
    "below",
    "lints",
    "linucb",
    "never",
    "random",
    "thompson_bernoulli",
    "ucb1",
]
