"""Oracles: simulated environments that offer menus and answer choices."""

from altheory.oracles.bandit import (
    BayesBernoulliBandit,
    BernoulliBandit,
    ContextualBandit,
    GaussianBandit,
    LinearBandit,
)
from altheory.oracles.boxes import BoxSearch, TableSearch
from altheory.oracles.pool import LabelPool
from altheory.oracles.replay import ReplayPool
from altheory.oracles.stream import LabelStream, SampledStream

__all__ = [
    "BayesBernoulliBandit",
    "BernoulliBandit",
    "BoxSearch",
    "ContextualBandit",
    "GaussianBandit",
    "LabelPool",
    "LabelStream",
    "LinearBandit",
    "ReplayPool",
    "SampledStream",
    "TableSearch",
]
