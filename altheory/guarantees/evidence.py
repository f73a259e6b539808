"""The statistics of checking: when may a bound be called violated, at a stated rate of false alarms."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from scipy import stats
from scipy.special import logsumexp

BETS = np.array([0.9, 0.7, 0.5, 0.3, 0.1, 0.03])
"""Fractions of the largest sound bet, among which the betting martingale is mixed evenly."""

SURE = 6.0
"""Standard errors between a mean and its bound, at which more trials are not needed."""

Statistic = Callable[[Any], np.ndarray]
"""From a run to what was observed, `[trials]` or `[trials, rounds]`."""


@dataclass(frozen=True)
class Finding:
    """Whether a bound was violated, and how near what was observed came to it (the largest ratio)."""

    violated: bool
    ratio: float
    detail: str


@runtime_checkable
class Evidence(Protocol):
    """How a claim binds: in the mean, with a probability, on every path, or as an identity."""

    @property
    def statistic(self) -> Statistic: ...

    @property
    def by_chance(self) -> bool:
        """Whether a true claim can be called violated at all, with probability alpha, or never."""
        ...

    def judge(self, seen: np.ndarray, bound: np.ndarray, *, alpha: float) -> Finding: ...

    def settled(self, seen: np.ndarray, bound: np.ndarray) -> bool:
        """Whether more trials would hardly change the verdict, once the claim is not violated."""
        ...


@dataclass(frozen=True)
class Mean:
    r"""The claim :math:`E[X_t] \le b_t` for each round, for a statistic that is at least `floor`.

    Violated where a betting e-value for :math:`E[X_t] \le b_t`, a nonnegative supermartingale under the claim, exceeds
    rounds / alpha at some round, so a true claim is called violated with probability at most alpha, whatever the
    law of X and however many trials. Cite: waudby2024estimating.
    """

    statistic: Statistic
    floor: float = 0.0
    by_chance: ClassVar[bool] = True

    def judge(self, seen: np.ndarray, bound: np.ndarray, *, alpha: float) -> Finding:
        mean = seen.mean(0)
        evidence = log_e_value(seen - self.floor, bound - self.floor)
        worst = int(np.argmax(evidence))
        detail = f"log e-value {evidence[worst]:.1f} of {np.log(bound.size / alpha):.1f}"
        return Finding(bool(evidence[worst] >= np.log(bound.size / alpha)), _ratio(mean, bound), detail)

    def settled(self, seen: np.ndarray, bound: np.ndarray) -> bool:
        """The mean lies `SURE` standard errors under the bound, in every round."""
        error = seen.std(0, ddof=1) / np.sqrt(len(seen)) if len(seen) > 1 else np.full(bound.shape, np.inf)
        return bool((seen.mean(0) + SURE * error <= bound + _slack(bound)).all())


@dataclass(frozen=True)
class WithProbability:
    r"""The claim :math:`P(\exists t: X_t > b_t) \le \delta`: violated by an exact binomial test at level alpha."""

    statistic: Statistic
    delta: float
    by_chance: ClassVar[bool] = True

    def judge(self, seen: np.ndarray, bound: np.ndarray, *, alpha: float) -> Finding:
        failed = self._failed(seen, bound)
        p = float(stats.binom.sf(failed - 1, len(seen), self.delta))
        detail = f"{failed} of {len(seen)} runs failed, p = {p:.2g}"
        return Finding(p <= alpha, failed / len(seen) / self.delta, detail)

    def settled(self, seen: np.ndarray, bound: np.ndarray) -> bool:
        """So few runs failed as would be a chance of one in a million were the probability delta."""
        return bool(stats.binom.cdf(self._failed(seen, bound), len(seen), self.delta) <= 1e-6)

    def _failed(self, seen: np.ndarray, bound: np.ndarray) -> int:
        return int((seen > bound + _slack(bound)).reshape(len(seen), -1).any(1).sum())


@dataclass(frozen=True)
class Always:
    r"""The claim :math:`X_t \le b_t` on every path, up to `tolerance` relative to :math:`1 + |b_t|`."""

    statistic: Statistic
    tolerance: float = 1e-9
    by_chance: ClassVar[bool] = False

    def judge(self, seen: np.ndarray, bound: np.ndarray, *, alpha: float) -> Finding:
        bad = ~(seen <= bound + self.tolerance * (1 + np.abs(bound)))
        return Finding(bool(bad.any()), _ratio(seen, bound), f"{int(bad.sum())} of {bad.size} values above the bound")

    def settled(self, seen: np.ndarray, bound: np.ndarray) -> bool:
        """Always: it binds on each path."""
        return True


@dataclass(frozen=True)
class Equals:
    r"""The identity :math:`X_t = b_t` up to `tolerance` times :math:`1 + |X_t| + |b_t|`; the ratio is error over it."""

    statistic: Statistic
    tolerance: float = 1e-6
    by_chance: ClassVar[bool] = False

    def judge(self, seen: np.ndarray, bound: np.ndarray, *, alpha: float) -> Finding:
        error = np.abs(seen - bound) / (self.tolerance * (1 + np.abs(seen) + np.abs(bound)))
        worst = float(np.max(np.where(np.isnan(error), np.inf, error)))
        return Finding(worst > 1, worst, f"largest error {worst:.2g} of the tolerance")

    def settled(self, seen: np.ndarray, bound: np.ndarray) -> bool:
        """Always: it binds on each instance."""
        return True


def log_e_value(x: np.ndarray, bound: np.ndarray) -> np.ndarray:
    r"""Log of :math:`\sup_n\frac1J\sum_j\prod_{i\le n}(1 + \lambda_j(x_i - b))` a round, for `x` `[trials, rounds]`."""
    if (x < -1e-9 * (1 + np.abs(bound))).any():
        raise ValueError(f"a mean bound needs a statistic of at least its floor; it fell to {x.min():g} below")
    some = np.where(bound > 0, bound, 1.0)
    wealth = np.stack([np.cumsum(np.log1p(bet * (x / some - 1)), axis=0) for bet in BETS])
    growth = (logsumexp(wealth, axis=0) - np.log(len(BETS))).max(0)
    return np.where(bound > 0, growth, np.where((x > 0).any(0), np.inf, 0.0))


def _slack(bound: np.ndarray) -> np.ndarray:
    return 1e-9 * (1 + np.abs(bound))


def _ratio(seen: np.ndarray, bound: np.ndarray) -> float:
    safe = np.where(bound != 0, bound, 1.0)
    ratio = np.where(bound != 0, seen / safe, np.where(seen > 0, np.inf, 0.0))
    return float(np.max(np.where(np.isnan(ratio), np.inf, ratio)))
