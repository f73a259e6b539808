"""Live runs: the policy that was studied, on real labelers, under a hard budget."""

from altheory.host.desk import LabelDesk
from altheory.host.journal import Account, Journal
from altheory.host.limited import Limited
from altheory.host.money import Price, PriceTable, dollars, pico, price_table
from altheory.host.openai_labeler import OpenAILabeler
from altheory.host.reading import label_schema, read_label
from altheory.host.run import run
from altheory.host.simulated import ReplayLabeler, SimulatedLabeler
from altheory.host.source import (
    Bought,
    BudgetSpentError,
    Label,
    NotChargedError,
    OutcomeUnknownError,
    Received,
    Source,
    Till,
)

__all__ = [
    "Account",
    "Bought",
    "BudgetSpentError",
    "Journal",
    "Label",
    "LabelDesk",
    "Limited",
    "NotChargedError",
    "OpenAILabeler",
    "OutcomeUnknownError",
    "Price",
    "PriceTable",
    "Received",
    "ReplayLabeler",
    "SimulatedLabeler",
    "Source",
    "Till",
    "dollars",
    "label_schema",
    "pico",
    "price_table",
    "read_label",
    "run",
]
