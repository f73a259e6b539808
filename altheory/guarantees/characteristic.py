"""How many pulls telling the best arm takes, and how a rule that tracks the best shares of pulls keeps to them."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from altheory.guarantees.evidence import Always
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.guarantees.stochastic import bernoulli_kl

Means = Float[np.ndarray, "K"]
HALVINGS = 200
"""Of the outer and of the inner bisection: to the last bit of float64."""


class Characteristic(NamedTuple):
    r"""Pulls :math:`T^\star` a unit of :math:`\mathrm{kl}(\delta, 1-\delta)`, and the arms' shares that attain it."""

    time: float
    weights: Means


def characteristic_time(means: Any, *, sd: float | None = None) -> Characteristic:
    r"""What any rule needs to tell the best arm: :math:`E\tau \ge T^\star\,\mathrm{kl}(\delta, 1-\delta)`.

    :math:`1/T^\star = \max_w\min_{a\ne1}\,w_1d(\mu_1, m_a) + w_ad(\mu_a, m_a)`, :math:`m_a` the mean of both under w.
    Arms are Bernoulli, or Gaussian of standard deviation `sd`. With :math:`x_a = w_a/w_1` all terms are equal at the
    optimum, to some y, and :math:`\sum_ad(\mu_1, m_a)/d(\mu_a, m_a) = 1`: two bisections, one within the other, on the
    host in float64. The time is infinite where two arms are best. Raises `ValueError` with fewer than two arms, means
    that are no numbers or outside [0, 1] without `sd`, or an `sd` not above 0. Cite: garivier2016optimal.
    """
    mu = np.asarray(means, np.float64)
    if mu.ndim != 1 or len(mu) < 2:
        raise ValueError(f"characteristic_time means must be a list of two arms or more; its shape is {mu.shape}")
    if not np.isfinite(mu).all() or (sd is None and ((mu < 0) | (mu > 1)).any()):
        raise ValueError("characteristic_time means must be numbers, and probabilities where no sd is given")
    if sd is not None and not sd > 0:
        raise ValueError(f"characteristic_time sd must be above 0; it is {sd:g}")
    best = int(np.argmax(mu))
    others = np.delete(mu, best)
    if others.max() == mu[best]:
        return Characteristic(np.inf, np.full(len(mu), 1 / len(mu)))

    def apart(a: Any, b: Any) -> Any:
        return bernoulli_kl(a, b) if sd is None else (np.asarray(a) - b) ** 2 / (2 * sd**2)

    def worth(x: Means) -> tuple[Means, Means]:
        """The terms at :math:`w_1 = 1`, and the ratio whose sum is 1 at the optimum."""
        middle = (mu[best] + x * others) / (1 + x)
        here, there = apart(mu[best], middle), apart(others, middle)
        return here + x * there, np.where(x > 0, here / np.where(there > 0, there, 1), 0.0)

    def shares(y: float) -> Means:
        """The x at which every term is y, by bisection of :math:`x/(1 + x)`."""
        low, high = np.zeros(len(others)), np.ones(len(others))
        for _ in range(HALVINGS):
            half = (low + high) / 2
            small = worth(half / (1 - half))[0] < y
            low, high = np.where(small, half, low), np.where(small, high, half)
            if (half >= 1).any():
                break
        return low / (1 - low)

    low, high = 0.0, float(np.min(apart(mu[best], others)))
    for _ in range(HALVINGS):
        y = (low + high) / 2
        low, high = (y, high) if worth(shares(y))[1].sum() < 1 else (low, y)
    x = shares(low)
    weights = np.insert(x, best, 1.0) / (1 + x.sum())
    return Characteristic(float((1 + x.sum()) / worth(x)[0].min()), weights)


class Tracking(NamedTuple):
    """What the theorem speaks of: the best shares, and the arm that a tracking rule pulls, from its discrepancies."""

    solve: Callable[[Means], Characteristic]
    pull: Callable[[Means], int]


def tracked(pull: Callable[[Means], int], shares: Float[np.ndarray, "t K"]) -> Float[np.ndarray, "t K"]:
    r"""The discrepancies :math:`\sum_{s\le t}p_a(s) - N_a(t)` of a rule that sees them before each pull."""
    gap, seen = np.zeros(shares.shape[1]), []
    for p in shares:
        gap = gap + p
        gap[pull(gap)] -= 1
        seen.append(gap.copy())
    return np.array(seen)


def _adversary(rng: np.random.Generator, arms: int, steps: int) -> np.ndarray:
    """Shares that jump between single arms, the uniform law and whatever is drawn."""
    kinds = [np.eye(arms)[rng.integers(0, arms, steps)], np.full((steps, arms), 1 / arms)]
    kinds.append(rng.dirichlet(np.full(arms, 0.1), steps))
    return np.choose(np.repeat(rng.integers(0, 3, (steps // 20 + 1, 1)), 20, 0)[:steps], kinds)


INSTANCES = {
    "one arm close": [1.0, 0.9, *[0.0] * 14],
    "all tie": [1.0, *[0.5] * 9],
    "two arms": [0.3, 0.1],
    "gaps of every size": [2.0, *(2 - np.geomspace(1e-3, 1, 6))],
}


def _cases(algorithm: Tracking, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    for name, means in INSTANCES.items():
        mu, arms = np.array(means), len(means)
        gaps = np.sort(mu.max() - mu)
        hardness = (2 / np.append(gaps[1:], gaps[1]) ** 2).sum()
        time = algorithm.solve(mu).time
        gap = tracked(algorithm.pull, _adversary(rng, arms, 400))
        seen = [hardness / time, time / (2 * hardness), gap.max(), -gap.min()]
        yield Case(name, (arms,), [*seen, abs(time * gaps[1] ** 2 / 8 - 1) if arms == 2 else 0.0])


def _uniform(means: Means) -> Characteristic:
    """A mutant: equal shares for all arms, and the time that they take."""
    gaps = np.sort(means.max() - means)
    return Characteristic(4 * len(means) / gaps[1] ** 2, np.full(len(means), 1 / len(means)))


def _of_gaussians(means: Means) -> Characteristic:
    return characteristic_time(means, sd=1.0)


@guarantee(
    "Unit Gaussian arms: H <= T* <= 2H, T* = 8/gap^2 for two; tracking keeps counts within 1 above, K - 1 below shares",
    id="characteristic-time",
    family="bandits",
    latex=r"H \le T^\star \le 2H,\quad -(K-1) \le N_a(t) - \textstyle\sum_{s\le t}p_a(s) \le 1",
    cite="garivier2016optimal",
    note="proofs_notes/characteristic-time.md",
    bounds=Always(as_array),
    algorithm=Tracking(_of_gaussians, lambda gap: int(np.argmax(gap))),
    cases=_cases,
    mutants={
        "pulls what is ahead": Tracking(_of_gaussians, lambda gap: int(np.argmin(gap))),
        "equal shares": Tracking(_uniform, lambda gap: int(np.argmax(gap))),
    },
)
def characteristic_time_bounds(arms: int) -> np.ndarray:
    r"""The most that each may be: :math:`H/T^\star`, :math:`T^\star/2H`, how far counts fall behind their shares, how
    far they run ahead, and, for two arms, the relative error of :math:`8/\Delta^2`. Cite: garivier2016optimal.
    """
    return np.array([1.0, 1.0, arms - 1.0, 1.0, 1e-9])
