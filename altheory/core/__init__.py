"""The loop's nouns, and the few mechanisms everything else is made of."""

from altheory.core.record import leaf, record, static
from altheory.core.score import Score, needs, score
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
    menu,
    per_item,
    product,
    take,
)

__all__ = [
    "Belief",
    "Choice",
    "Key",
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
    "leaf",
    "menu",
    "needs",
    "per_item",
    "product",
    "record",
    "score",
    "static",
    "take",
]
