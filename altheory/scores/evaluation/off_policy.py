"""Off-policy evaluation: what a policy would have earned, from choices that another one logged with their chances."""

from typing import Any, Literal, get_args

import numpy as np
from scipy.special import ndtri

from altheory.core.check import finite, nonnegative, one_of, positive
from altheory.scores.evaluation.bounded import Estimate, check_delta

Method = Literal["ips", "snips", "dr", "switch"]


def off_policy_value(
    reward: Any,
    propensity: Any,
    target: Any,
    *,
    method: Method = "snips",
    predicted: Any = None,
    expected: Any = None,
    threshold: float = 10.0,
    delta: float = 0.05,
    most: float | None = None,
) -> Estimate:
    r"""A policy's mean reward with an interval of level :math:`1-\delta`, from n logged choices.

    `reward [n]` was received for the logged choice, of probability `propensity [n]` under the logging policy; the
    policy to evaluate with probability `target [n]`; :math:`w = ` `target` / `propensity`. A model of rewards may
    help: `predicted [n]` of the logged choice, `expected [n]` on average over the evaluated policy's choices.

    - ``ips``: :math:`\frac1n\sum w_ir_i`, unbiased.
    - ``snips``: :math:`\sum w_ir_i/\sum w_i`, biased by O(1/n), and within the range of the rewards.
    - ``dr``: :math:`\frac1n\sum\hat q_i + w_i(r_i-\hat r_i)`, unbiased whatever the model, precise if it is good.
    - ``switch``: the same with w = 0 where it exceeds `threshold`: the model alone speaks there, with its bias.

    The interval is normal, from the terms' variance (for ``snips`` that of :math:`w_i(r_i-\hat v)`): right for many
    rounds and weights that are not extreme. With `most`, a bound on w for rewards in [0, 1], ``ips`` gets the empirical
    Bernstein interval, which holds at every n. Every choice the evaluated policy may make must have had a chance.
    Raises `ValueError` where shapes differ, a propensity is not in (0, 1], or the model is missing.
    Cite: horvitz1952generalization, swaminathan2015self, dudik2014doubly, wang2017optimal, maurer2009empirical.
    """
    one_of("off_policy_value method", method, get_args(Method))
    check_delta(delta)
    r, p, t = (np.asarray(x, np.float64) for x in (reward, propensity, target))
    for name, x in (("reward", r), ("propensity", p), ("target", t)):
        finite(f"off_policy_value {name}", x)
        if x.shape != (r.size,) or r.size < 2:
            raise ValueError(f"off_policy_value {name} must be [n] with n of 2 at least; its shape is {x.shape}")
    positive("off_policy_value propensity", p)
    nonnegative("off_policy_value target", t)
    if max(p.max(), t.max()) > 1 + 1e-6:
        raise ValueError("off_policy_value propensity and target must be probabilities; one is above 1")
    w = t / p
    if method == "ips":
        return _bernstein(r, w, most, delta) if most is not None else _normal(w * r, delta)
    if method == "snips":
        if w.sum() == 0:
            raise ValueError(
                "off_policy_value target is 0 for every logged choice: the log says nothing of this policy"
            )
        value = float(w @ r / w.sum())
        spread = float(np.sqrt(((w * (r - value)) ** 2).sum()) / w.sum())
        return _around(value, spread, delta)
    if predicted is None or expected is None:
        raise ValueError(f"off_policy_value {method} needs a model of rewards: give predicted and expected")
    one, average = np.asarray(predicted, np.float64), np.asarray(expected, np.float64)
    for name, x in (("predicted", one), ("expected", average)):
        finite(f"off_policy_value {name}", x)
        if x.shape != r.shape:
            raise ValueError(f"off_policy_value {name} must be [{r.size}]; its shape is {x.shape}")
    if method == "switch":
        positive("off_policy_value threshold", threshold)
        w = np.where(w <= threshold, w, 0)
    return _normal(average + w * (r - one), delta)


def effective_sample(propensity: Any, target: Any) -> float:
    r"""How many rounds of its own a policy's log is worth, :math:`(\sum w)^2/\sum w^2`. Cite: kong1992note."""
    w = np.asarray(target, np.float64) / np.asarray(propensity, np.float64)
    return float(w.sum() ** 2 / max(float(w @ w), 1e-300))


def _around(value: float, spread: float, delta: float) -> Estimate:
    width = -float(ndtri(delta / 2)) * spread
    return Estimate(value, value - width, value + width)


def _normal(terms: np.ndarray, delta: float) -> Estimate:
    return _around(float(terms.mean()), float(terms.std(ddof=1) / np.sqrt(len(terms))), delta)


def _bernstein(r: np.ndarray, w: np.ndarray, most: float, delta: float) -> Estimate:
    """Maurer and Pontil's interval for terms in [0, most], two-sided."""
    positive("off_policy_value most", most)
    if r.min() < 0 or r.max() > 1 or w.max() > most * (1 + 1e-9):
        raise ValueError(
            f"off_policy_value most needs rewards in [0, 1] and weights up to {most:g}; they lie in "
            f"[{r.min():g}, {r.max():g}] and reach {w.max():g}"
        )
    terms, n, log = w * r, len(r), np.log(4 / delta)
    width = float(np.sqrt(2 * terms.var(ddof=1) * log / n) + 7 * most * log / (3 * (n - 1)))
    value = float(terms.mean())
    return Estimate(value, max(value - width, 0.0), min(value + width, most))
