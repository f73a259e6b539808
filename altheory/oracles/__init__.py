"""Oracles: simulated environments that offer menus and answer choices."""

from altheory.oracles.bandit import (
    BayesBernoulliBandit,
    BernoulliBandit,
    ContextualBandit,
    GaussianBandit,
    LinearBandit,
)
from altheory.oracles.pool import LabelPool

__all__ = [
    "BayesBernoulliBandit",
    "BernoulliBandit",
    "ContextualBandit",
    "GaussianBandit",
    "LabelPool",
    "LinearBandit",
]
