"""Rules without a past: money, thresholds, prices against gains, bounds."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.core import Scalar
from altheory.core.check import nonnegative, positive, within
from altheory.stopping.rule import When, number, when

SLACK = 2.0**-22
"""Relative room for prices that are no exact float32, as `Budgeted` has it."""


def at_most(reading: str, limit: Scalar) -> When:
    """Stop once a reading is at most `limit`: `at_most("uncertainty", 0.1)`, `at_most("error", 0.05)`."""
    return when(_at_most, reads=(reading,), limit=number(limit))


def at_least(reading: str, limit: Scalar) -> When:
    """Stop once a reading is at least `limit`: `at_least("labels", 200)`."""
    return when(_at_least, reads=(reading,), limit=number(limit))


def fixed_budget(budget: Scalar) -> When:
    """Stop when the cheapest label on offer no longer fits the budget (to the 2^-22 that float32 prices resolve).

    `Budgeted` is stricter: it closes every item that does not fit, and cuts batches.
    """
    nonnegative("fixed_budget budget", budget)
    return when(_spent, budget=number(budget))


def price_above_gain(stake: Scalar = 1.0) -> When:
    r"""Stop once the next label's price is at least `stake` times its expected gain: reads `gain` and `price`.

    Optimal where the expected gain never grows along the run (`al-stop-monotone`); where gains may grow again, it can
    stop far too early. Cite: chow1971great.
    """
    positive("price_above_gain stake", stake)
    return when(_price_above_gain, stake=number(stake))


def cost_balance(stake: Scalar) -> When:
    r"""Stop once the money spent is at least what the errors would cost: :math:`c_n \ge M e_n`.

    `stake` M is the cost of an error times the predictions to be made; reads `spent` and `error`. For any error that
    never rises the total is at most twice the least possible, plus one label (`cost-two-competitive`).
    Cite: pullarstrecker2024hitting.
    """
    positive("cost_balance stake", stake)
    return when(_cost_balance, stake=number(stake))


def best_in_hand() -> When:
    """Stop once the best prize in hand is at least every index on offer: reads `best` and `index`, Pandora's stop.

    Cite: weitzman1979optimal.
    """
    return when(_best_in_hand)


def occam_bound(log_hypotheses: Scalar, target: Scalar, delta: Scalar = 0.05) -> When:
    r"""Stop once :math:`\hat e_n + \sqrt{(\ln|H| + \ln(n(n+1)/\delta))/(2n)} \le` `target`: a PAC bound.

    Reads `labels` and `training_error`. With labels of items drawn independently (not picked by a score), the chosen
    hypothesis's error exceeds the bound at some n with probability at most `delta`: Hoeffding's inequality, summed over
    hypotheses and over n. Cite: shalev2014understanding.
    """
    nonnegative("occam_bound log_hypotheses", log_hypotheses)
    within("occam_bound delta", delta, 0, 1)
    return when(_occam, log_hypotheses=number(log_hypotheses), target=number(target), delta=number(delta))


def _at_most(reading: Array, *, limit: Scalar) -> Bool[Array, ""]:
    return jnp.asarray(reading, float) <= limit


def _at_least(reading: Array, *, limit: Scalar) -> Bool[Array, ""]:
    return jnp.asarray(reading, float) >= limit


def _spent(spent: Array, price: Array, *, budget: Scalar) -> Bool[Array, ""]:
    return spent + price > budget * (1 + SLACK)


def _price_above_gain(gain: Array, price: Array, *, stake: Scalar) -> Bool[Array, ""]:
    return stake * gain <= price


def _cost_balance(spent: Array, error: Array, *, stake: Scalar) -> Bool[Array, ""]:
    return spent >= stake * error


def _best_in_hand(best: Array, index: Array) -> Bool[Array, ""]:
    return best >= jnp.max(index)


def _occam(
    labels: Array, training_error: Array, *, log_hypotheses: Scalar, target: Scalar, delta: Scalar
) -> Bool[Array, ""]:
    return training_error + occam_width(labels, log_hypotheses, delta) <= target


def occam_width(labels: Float[Array, "*n"], log_hypotheses: Scalar, delta: Scalar) -> Float[Array, "*n"]:
    """How far training error may lie below true error at any number of labels, infinite before the first."""
    n = jnp.asarray(labels, float)
    some = jnp.maximum(n, 1.0)
    width = jnp.sqrt((log_hypotheses + jnp.log(some * (some + 1)) - jnp.log(delta)) / (2 * some))
    return jnp.where(n >= 1, width, jnp.inf)
