"""Annotators: who says what where which class is true, and what their labels say together."""

from altheory.beliefs.annotators.ballots import vote_log_odds
from altheory.beliefs.annotators.dependence import Dependence, error_dependence
from altheory.beliefs.annotators.em import Consensus, dawid_skene, mace, one_coin
from altheory.beliefs.annotators.labels import triples, vote_shares
from altheory.beliefs.annotators.online import Crowd, crowd

__all__ = [
    "Consensus",
    "Crowd",
    "Dependence",
    "crowd",
    "dawid_skene",
    "error_dependence",
    "mace",
    "one_coin",
    "triples",
    "vote_log_odds",
    "vote_shares",
]
