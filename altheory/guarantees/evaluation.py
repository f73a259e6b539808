"""Theorems on measuring with few labels: prediction-powered means, and intervals that hold at all times."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from altheory.guarantees.evidence import Always, WithProbability
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.scores import bernoulli_interval, normal_width, ppi_mean

Array = np.ndarray
DELTA = 0.1


def _powered(y: Array, f: Array, other: Array) -> float:
    return ppi_mean(y, f, other, power=1.0, interval="hoeffding").mean


def _ppi_cases(algorithm: Callable[[Array, Array, Array], float], trials: int) -> Iterator[Case]:
    """Predictions that say the opposite, that are constant, noise, and right."""
    rng = np.random.default_rng(0)
    n, total = 200, 4000
    kinds: dict[str, Callable[[Array], Array]] = {
        "the opposite": lambda y: 1 - y,
        "always 1": np.ones_like,
        "noise": lambda y: rng.random(y.shape),
        "the truth": lambda y: y,
    }
    for name, predict in kinds.items():
        for rate in (0.05, 0.5):
            y = (rng.random((trials, n + total)) < rate).astype(float)
            f = predict(y)
            means = [algorithm(a[:n], b[:n], b[n:]) for a, b in zip(y, f, strict=True)]
            yield Case(f"{name}, rate {rate}", (n, total), np.abs(np.array(means) - rate))


@guarantee(
    "A mean of predictions corrected by few labels errs by no more than its width, whatever the predictions",
    id="ppi-mean",
    family="evaluation",
    latex=r"|\hat\theta-\theta| \le \sqrt{\tfrac{2\ln(4/\delta)}{n}} + \sqrt{\tfrac{\ln(4/\delta)}{2N}}",
    cite="angelopoulos2023prediction",
    note="proofs_notes/ppi-mean.md",
    bounds=WithProbability(as_array, DELTA),
    ceiling=lambda n, total: 1.0,
    algorithm=_powered,
    cases=_ppi_cases,
    mutants={
        "predictions only": lambda y, f, other: float(other.mean()),
        "the correction added twice": lambda y, f, other: float(other.mean() + 2 * (y - f).mean()),
        "the correction's sign": lambda y, f, other: float(other.mean() - (y - f).mean()),
    },
    trials=60,
)
def ppi_mean_width(n: int, total: int) -> float:
    """The width at δ = 0.1 for n labels and `total` further predictions in [0, 1].

    Cite: angelopoulos2023prediction.
    """
    return math.sqrt(2 * math.log(4 / DELTA) / n) + math.sqrt(math.log(4 / DELTA) / (2 * total))


Bounds = Callable[[Array, Array], tuple[Array, Array]]
"""From successes and trials, arrays of one shape, to the interval of rates."""

HORIZON = 400


def _mixture(s: Array, n: Array) -> tuple[Array, Array]:
    return bernoulli_interval(s, n, delta=DELTA)


def _pointwise(s: Array, n: Array) -> tuple[Array, Array]:
    """A mutant: Hoeffding's interval of each single time."""
    half = np.sqrt(math.log(2 / DELTA) / (2 * n))
    return s / n - half, s / n + half


def _narrow(s: Array, n: Array) -> tuple[Array, Array]:
    """A mutant: the mixture at three times the error probability."""
    return bernoulli_interval(s, n, delta=3 * DELTA)


def crossing(bounds: Bounds, rates: Array, horizon: int) -> Array:
    """The exact probability that an interval misses each of `rates` at some time up to `horizon`, on the lattice."""
    p = np.asarray(rates, np.float64)[:, None]
    alive, missed = np.ones((len(p), 1)), np.zeros(len(p))
    for n in range(1, horizon + 1):
        alive = np.pad(alive * (1 - p), ((0, 0), (0, 1))) + np.pad(alive * p, ((0, 0), (1, 0)))
        low, high = bounds(np.arange(n + 1.0), np.full(n + 1, float(n)))
        out = (p < low) | (p > high)
        missed += np.where(out, alive, 0).sum(1)
        alive = np.where(out, 0.0, alive)
    return missed


def _bernoulli_cases(algorithm: Bounds, trials: int) -> Iterator[Case]:
    rates = np.array([0.01, 0.1, 0.5, 0.9])
    for p, seen in zip(rates, crossing(algorithm, rates, HORIZON), strict=True):
        yield Case(f"rate {p}", (DELTA,), [seen])


@guarantee(
    "The mixture interval misses an error rate at any time at all with probability at most delta",
    id="bernoulli-mixture-cs",
    family="evaluation",
    latex=r"P\bigl(\exists t: \tfrac{B(a+S_t,b+F_t)}{B(a,b)p^{S_t}(1-p)^{F_t}} \ge \tfrac1\delta\bigr) \le \delta",
    cite="robbins1970statistical",
    note="proofs_notes/bernoulli-mixture-cs.md",
    bounds=Always(as_array),
    algorithm=_mixture,
    cases=_bernoulli_cases,
    mutants={"Hoeffding's interval, looked at each time": _pointwise, "three times the error": _narrow},
)
def bernoulli_mixture_cs(delta: float) -> float:
    """The error probability itself; what is seen is computed on the lattice of 400 trials.

    Cite: robbins1970statistical.
    """
    return delta


SCALE, RHO = 0.5, 25.0


def _normal_cases(algorithm: Callable[[Array], Array], trials: int) -> Iterator[Case]:
    """The largest ratio of |mean error| to width over 1,000 times: coins, rare events, and normal numbers."""
    rng = np.random.default_rng(2)
    t = np.arange(1, 1001)
    width = algorithm(t)
    draws = {
        "signs": rng.choice([-SCALE, SCALE], (trials, 1000)),
        "rare": (rng.random((trials, 1000)) < 0.1) - 0.1,
        "normal": SCALE * rng.normal(size=(trials, 1000)),
    }
    for name, x in draws.items():
        yield Case(name, (), (np.abs(np.cumsum(x, 1) / t) / width).max(1))


@guarantee(
    "The normal mixture's width holds the mean at all times together with probability 1 - 0.1",
    id="normal-mixture-cs",
    family="evaluation",
    latex=r"P\Bigl(\exists t: |S_t| > \sqrt{(\sigma^2t+\rho)\ln\tfrac{\sigma^2t+\rho}{\rho\delta^2}}\Bigr) \le \delta",
    cite="howard2021time",
    note="proofs_notes/normal-mixture-cs.md",
    bounds=WithProbability(as_array, DELTA),
    algorithm=lambda t: normal_width(t, sigma=SCALE, rho=RHO, delta=DELTA),
    cases=_normal_cases,
    mutants={
        "the width of one fixed time": lambda t: SCALE * np.sqrt(2 * math.log(2 / DELTA) / t),
        "half the scale": lambda t: normal_width(t, sigma=SCALE / 2, rho=RHO / 4, delta=DELTA),
    },
    trials=400,
)
def normal_mixture_cs() -> float:
    """The mean error in widths, at its largest over time: at most 1. Cite: howard2021time."""
    return 1.0
