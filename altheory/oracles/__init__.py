"""Oracles: simulated environments that offer menus and answer choices."""

from altheory.oracles.adversary import (
    AdaptiveAdversary,
    AdversarialBandit,
    AdviceBandit,
    DriftingBandit,
    PiecewiseBandit,
    RisingBandit,
)
from altheory.oracles.bandit import (
    BayesBernoulliBandit,
    BernoulliBandit,
    ContextualBandit,
    GaussianBandit,
    KnapsackBandit,
    LinearBandit,
    LogisticBandit,
    PricedBandit,
)
from altheory.oracles.boxes import BoxSearch, TableSearch
from altheory.oracles.clusters import ClusterPairs
from altheory.oracles.duel import ContextualDuels, DuelBandit
from altheory.oracles.missing import MissingPool
from altheory.oracles.noisy import NoisySearch, TrialSearch
from altheory.oracles.path import PathSurvey
from altheory.oracles.pool import LabelPool
from altheory.oracles.replay import ReplayPool
from altheory.oracles.router import PromptStream
from altheory.oracles.stream import LabelStream, SampledStream
from altheory.oracles.teams import Chain, Panel, Team, cascade, fit_cascade, fit_vote, vote

__all__ = [
    "AdaptiveAdversary",
    "AdversarialBandit",
    "AdviceBandit",
    "BayesBernoulliBandit",
    "BernoulliBandit",
    "BoxSearch",
    "Chain",
    "ClusterPairs",
    "ContextualBandit",
    "ContextualDuels",
    "DriftingBandit",
    "DuelBandit",
    "GaussianBandit",
    "KnapsackBandit",
    "LabelPool",
    "LabelStream",
    "LinearBandit",
    "LogisticBandit",
    "MissingPool",
    "NoisySearch",
    "Panel",
    "PathSurvey",
    "PiecewiseBandit",
    "PricedBandit",
    "PromptStream",
    "ReplayPool",
    "RisingBandit",
    "SampledStream",
    "TableSearch",
    "Team",
    "TrialSearch",
    "cascade",
    "fit_cascade",
    "fit_vote",
    "vote",
]
