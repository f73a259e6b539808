"""Whether to trust an annotator, a batch or a single label: tests and rules with known errors."""

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import xlogy
from scipy.stats import hypergeom

from altheory.core.check import at_least, nonnegative
from altheory.scores.evaluation.bounded import check_delta


class Audit(NamedTuple):
    """What a sequential test decided ("accept", "reject", or "undecided"), and after how many items."""

    decision: Literal["accept", "reject", "undecided"]
    used: int


def sprt_thresholds(alpha: float, beta: float) -> tuple[float, float]:
    r""":math:`(-\ln\frac1\beta, \ln\frac1\alpha)`: at which log ratio to reject and to accept an annotator.

    Wald's own :math:`\ln\frac\beta{1-\alpha}` and :math:`\ln\frac{1-\beta}\alpha` are approximations that exceed their
    levels; these hold exactly. Cite: wald1945sequential.
    """
    check_delta(alpha)
    check_delta(beta)
    return math.log(beta), -math.log(alpha)


def sprt(wrong: Any, *, p0: float, p1: float, alpha: float = 0.05, beta: float = 0.05) -> Audit:
    r"""Accept an annotator of error rate at most `p1`, reject one of at least `p0` > `p1`, in as few audits as may be.

    `wrong [n]` says of each audited item, in order, whether the annotator erred. An annotator of error rate at least
    `p0` is accepted with probability at most `alpha`, one of at most `p1` rejected with probability at most `beta`, and
    one of rate `p1` takes at most
    :math:`(\ln\frac1\alpha + \ln\frac{1-p_1}{1-p_0})/\mathrm{kl}(p_1, p_0)` items on average. Raises `ValueError`
    unless 0 < p1 < p0 < 1. Cite: wald1945sequential.
    """
    low, high = sprt_thresholds(alpha, beta)
    right, bad = _steps(p0, p1)
    ratio = np.cumsum(np.where(np.asarray(wrong, bool), bad, right))
    ended = np.flatnonzero((ratio <= low) | (ratio >= high))
    if not len(ended):
        return Audit("undecided", len(ratio))
    first = int(ended[0])
    return Audit("accept" if ratio[first] >= high else "reject", first + 1)


def sprt_expected_items(p0: float, p1: float, alpha: float) -> float:
    r"""The bound on the mean number of audits of an annotator of error rate `p1`. Cite: wald1945sequential."""
    right, _ = _steps(p0, p1)
    kl = float(xlogy(p1, p1 / p0) + xlogy(1 - p1, (1 - p1) / (1 - p0)))
    return (-math.log(alpha) + right) / kl


def _steps(p0: float, p1: float) -> tuple[float, float]:
    """What a right and a wrong label add to the log ratio of `p1` to `p0`."""
    if not 0 < p1 < p0 < 1:
        raise ValueError(f"the error rates must be 0 < p1 < p0 < 1; they are p1={p1!r} and p0={p0!r}")
    return math.log((1 - p1) / (1 - p0)), math.log(p1 / p0)


def audit_size(rate: float, *, delta: float = 0.05) -> int:
    r"""How many items of a batch to check, :math:`\lceil\ln\delta/\ln(1-p_0)\rceil`, to accept it if all are right.

    A batch of any size with a share of errors of at least `rate` is then accepted with probability at most `delta`. The
    number is fixed beforehand: topping it up after a look is not covered (`bernoulli_interval` is).
    Cite: dodge1929method.
    """
    check_delta(rate)
    check_delta(delta)
    return math.ceil(math.log(delta) / math.log1p(-rate) - 1e-12)


def acceptance_probability(items: int, errors: int, audited: int, *, allowed: int = 0) -> float:
    """The chance that at most `allowed` of `audited` items, drawn without replacement, are among the `errors` wrong.

    Raises `ValueError` where errors or audits exceed the items. Cite: dodge1929method.
    """
    at_least("items", items, max(errors, audited, 1))
    return float(hypergeom.cdf(allowed, items, errors, audited))


def defer(
    probs: Float[np.ndarray, "items C"], *, human_cost: float, error_price: float, human_error: float = 0.0
) -> Bool[np.ndarray, "items"]:
    r"""Which items a person should label: those with :math:`c_e(1-\max_cp_c) > c_h + c_e\epsilon_h`.

    With calibrated `probs` that has the least expected cost, :math:`\sum_i\min(c_h + c_e\epsilon_h, c_e(1-\max p_i))`,
    where a person's label costs `human_cost` and is wrong at a rate `human_error`, and a wrong label costs
    `error_price`. Raises `ValueError` on costs below 0. Cite: chow1970optimum.
    """
    for name, x in (("human_cost", human_cost), ("error_price", error_price), ("human_error", human_error)):
        nonnegative(name, x)
    doubt = 1 - np.asarray(probs, np.float64).max(-1)
    return error_price * doubt > human_cost + error_price * human_error
