"""The loop's nouns, and the few mechanisms everything else is made of."""

from altheory.core.ledger import Ledger, micro
from altheory.core.record import leaf, record, static
from altheory.core.score import Score, needs, score
from altheory.core.sequences import log_bernoulli_mixture, normal_mixture_radius
from altheory.core.types import (
    Belief,
    Choice,
    Key,
    Live,
    Menu,
    Oracle,
    Outcome,
    Policy,
    Rows,
    Scalar,
    ScoreFn,
    StopFn,
    features,
    item_ids,
    menu,
    per_item,
    product,
    take,
)

__all__ = [
    "Belief",
    "Choice",
    "Key",
    "Ledger",
    "Live",
    "Menu",
    "Oracle",
    "Outcome",
    "Policy",
    "Rows",
    "Scalar",
    "Score",
    "ScoreFn",
    "StopFn",
    "features",
    "item_ids",
    "leaf",
    "log_bernoulli_mixture",
    "menu",
    "micro",
    "needs",
    "normal_mixture_radius",
    "per_item",
    "product",
    "record",
    "score",
    "static",
    "take",
]
