"""Active testing: label the items that a model is likeliest to get wrong, and still measure its error without bias."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import ndtri

from altheory.core import Key, Menu, Rows, needs
from altheory.core.check import at_least, within
from altheory.scores.evaluation.bounded import Estimate, check_delta
from altheory.scores.unbiased import lure

FLOOR = 1e-6
"""The least expected error: an item is never quite without interest."""


@needs("probs")
def log_error_score(belief: Any, menu: Menu, key: Key, *, predictions: Any = 0) -> Float[Array, "K"]:
    r"""The logarithm of a model's expected error on each item, :math:`\log(1 - p_k(\hat y_k))`.

    `predictions` `[N]` (whole numbers in an array) are what the model under test says of every item, and :math:`p_k` is
    the belief's law of its true class. Softmax of this score draws in proportion to the expected error, the law that
    makes `lure` precise; mix in uniform draws (`Epsilon`), so that no item is without a chance.
    Cite: kossen2021active.
    """
    p = belief.probs(menu)
    said = jnp.asarray(predictions, jnp.int32)
    said = jnp.broadcast_to(said[menu.x.index] if isinstance(menu.x, Rows) and said.ndim else said, p.shape[:1])
    return jnp.log(jnp.maximum(1 - jnp.take_along_axis(p, said[:, None], -1)[:, 0], FLOOR))


def lure_variance(losses: Any, proposal: Any, total: int) -> float:
    r"""An unbiased estimate of the variance of `lure`, from the same M < N items.

    `lure` is :math:`\sum_m c_ma_m`, where all :math:`a_m = \frac1N(\frac{L_m}{q_m} + \sum_{j<m}L_j)` have the pool's
    mean as their mean given the past, and fixed :math:`c_m = \frac{N(N-M)}{M(N-m)(N-m+1)}` of sum 1. So its variance
    is that of a martingale, and
    :math:`\bigl(\sum c_m^2a_m^2 - \sum c_m^2\,\hat R^2\bigr)/\bigl(1 - \sum c_m^2\bigr)` has it for its mean (it may
    be below 0). M = N has variance 0. Raises `ValueError` as `lure` does, or for a single item.
    Cite: farquhar2021statistical.
    """
    x, q = np.asarray(losses, np.float64), np.asarray(proposal, np.float64)
    estimate(x, q, total)
    size = len(x)
    if size == total:
        return 0.0
    at_least("the number of losses", size, 2)
    m = np.arange(1, size + 1)
    c = total * (total - size) / (size * (total - m) * (total - m + 1.0))
    a = (x / q + np.r_[0.0, np.cumsum(x)[:-1]]) / total
    squares = float((c**2).sum())
    return float(((c * a) ** 2).sum() - squares * (c @ a) ** 2) / (1 - squares)


def lure_interval(losses: Any, proposal: Any, total: int, *, delta: float = 0.05) -> Estimate:
    r"""`lure` with a normal interval of level :math:`1-\delta` from `lure_variance`.

    For items drawn by a law that may depend on all labels seen before, such as `active_testing`'s: `losses [M]` in the
    order of drawing, `proposal [M]` the probability of each draw (the metric `propensity`), `total` the items there
    were. Right for large M only: where few errors carry most of the weight it covers less than it says (244 of 300 runs
    at a stated 95 %, 60 of 400 items of a model that errs on 6 %). A variance estimated below 0 counts as 0. Raises as
    `lure_variance`.
    Cite: farquhar2021statistical, kossen2021active.
    """
    check_delta(delta)
    x, q = np.asarray(losses, np.float64), np.asarray(proposal, np.float64)
    mean = estimate(x, q, total)
    half = -float(ndtri(delta / 2)) * math.sqrt(max(lure_variance(x, q, total), 0.0))
    return Estimate(mean, mean - half, mean + half)


def estimate(x: np.ndarray, q: np.ndarray, total: int) -> float:
    """`lure` in float64, with its checks."""
    if x.ndim != 1 or x.shape != q.shape:
        raise ValueError(f"losses and proposal must be vectors of one length; their shapes are {x.shape} and {q.shape}")
    lure(x, q, total)
    within("losses", x, -np.inf, np.inf)
    if len(x) == total:
        return float(x.mean())
    left = total - np.arange(1, len(x) + 1)
    return float((x * (1 + (total - len(x)) / left * (1 / ((left + 1) * q) - 1))).mean())
