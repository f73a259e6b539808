"""altheory: active learning, bandits and optimal design as one loop, with a theorem for every algorithm."""

__version__ = "0.1.0"

from altheory.core import Choice, Menu, Outcome, Rows, Score, menu, needs, record, score, static

__all__ = ["Choice", "Menu", "Outcome", "Rows", "Score", "menu", "needs", "record", "score", "static"]
