"""The best vote of independent annotators whose accuracies are known."""

from typing import Any

import numpy as np
from jaxtyping import Float

from altheory.core.check import within

SURE = 1e-9
"""Accuracies are kept this far from 0 and 1, so that no single vote is infinite."""


def vote_log_odds(ballots: Any, accuracy: Any) -> Float[np.ndarray, "..."]:
    r"""The log odds of class 1 given `ballots [..., n]` (0, 1, or negative where there is none), even beforehand.

    :math:`\sum_i \pm\ln\frac{p_i}{1-p_i}`: the weighted majority that errs least, where annotators err independently
    and each is right with probability `accuracy [n]` in either class. One worse than chance counts against what it
    says. Its error is :math:`\frac12\sum_v\min(P(v), Q(v)) \le \frac12\prod_i2\sqrt{p_i(1-p_i)}`. Raises `ValueError`
    on accuracies outside [0, 1] or another number of them. Cite: nitzan1982optimal.
    """
    v, p = np.asarray(ballots), np.asarray(accuracy, np.float64)
    if p.ndim != 1 or not v.ndim or v.shape[-1] != len(p):
        raise ValueError(f"ballots must be [..., n] for the n accuracies; their shapes are {v.shape} and {p.shape}")
    within("accuracy", p, 0, 1)
    p = np.clip(p, SURE, 1 - SURE)
    return np.where(v < 0, 0, np.where(v == 1, 1, -1)) @ np.log(p / (1 - p))
