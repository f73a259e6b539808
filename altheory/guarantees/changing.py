"""Theorems on rewards that change: sliding windows, and arms that rise with their own pulls."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.beliefs import Rising, Windowed, rising, windowed
from altheory.core import Key, Menu, menu, record
from altheory.guarantees import observe
from altheory.guarantees.evidence import Always, Mean
from altheory.guarantees.guarantee import Case, guarantee
from altheory.oracles import PiecewiseBandit
from altheory.policies import Argmax, sw_ucb
from altheory.scores import window_ucb_index
from altheory.sim import regret


def plays_sw_ucb(policy: Any, oracle: Any) -> str | None:
    """The policy is sliding-window UCB with the theorem's constant, for rewards in [0, 1]."""
    belief = getattr(policy, "belief", None)
    if not isinstance(policy, Argmax) or not isinstance(belief, Windowed):
        return "the policy has no window"
    if not observe._scores_by(policy, window_ucb_index):
        return "the policy is not sliding-window UCB"
    xi = float(policy.score.hyper["xi"])  # type: ignore[attr-defined]
    return None if xi == 1 and float(belief.scale) == 0.5 else "the theorem has xi = 1 and rewards in [0, 1]"


def is_piecewise(policy: Any, oracle: Any) -> str | None:
    """Means are constant between breaks."""
    return None if isinstance(oracle, PiecewiseBandit) else f"{type(oracle).__name__} does not change piece by piece"


def _sw_cases(algorithm: Callable[[int, int], Any], trials: int) -> Iterator[Case]:
    oracle, name = PiecewiseBandit(jnp.array([[1.0, 0.0], [0.0, 0.5]]), jnp.array([6000])), "sw-ucb, the best arm falls"
    yield observe.simulated(algorithm(2, 1000), oracle, name, horizon=12_000, trials=trials, record=(regret,))


@record
class _Heap(Windowed):
    """A mutant: nothing ever leaves the window."""

    def update(self, row: Menu, y: Any) -> "_Heap":
        hit = ((jnp.arange(self.plays.shape[0]) == row.x) & row.open).astype(self.plays.dtype)
        high, low = self.total
        total = (high + hit * jnp.asarray(y, high.dtype), low)
        return self.replace(plays=self.plays + hit, total=total)  # type: ignore[attr-defined]


def _heap(arms: int, window: int) -> Argmax:
    b = windowed(arms, window, low=0.0, high=1.0)
    return Argmax(_Heap(b.plays, b.total, b.arm, b.reward, b.rounds, b.scale, b.low, b.high), window_ucb_index)


def _least_index(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    """A mutant: the lowest index is played."""
    return -window_ucb_index(belief, menu, key)


@guarantee(
    "E[R_t] <= breaks tau max gap + sum of max gap (ceil(t/tau) ceil(4 ln(tau)/gap^2) + 2t/tau), tau the window",
    id="sw-ucb",
    family="bandits",
    latex=r"\mathbb E R_T \le \Upsilon\tau\Delta_{\max} + \sum_i\Delta_i^{\max}\Bigl(\Bigl\lceil\frac T\tau\Bigr\rceil"
    r"\Bigl\lceil\frac{4\ln\tau}{\Delta_i^2}\Bigr\rceil + \frac{2T}\tau\Bigr)",
    cite="garivier2011upper",
    note="proofs_notes/sw-ucb.md",
    bounds=Mean(observe.cumulative_regret),
    assumes=[plays_sw_ucb, observe.never_stops, is_piecewise],
    ceiling=lambda policy, oracle, t: t * float(np.ptp(np.asarray(oracle.means, np.float64), axis=1).max()),
    algorithm=sw_ucb,
    cases=_sw_cases,
    mutants={
        "the window never slides": _heap,
        "the lowest index": lambda arms, window: Argmax(sw_ucb(arms, window).belief, _least_index),
    },
    trials=20,
    mutant_trials=130,
)
def sw_ucb_regret(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    """The regret of sliding-window UCB at rounds `t`; the smallest positive gap of an arm is over all segments.

    Cite: garivier2011upper.
    """
    means, t = np.asarray(oracle.means, np.float64), np.asarray(t, np.float64)
    window = policy.belief.reward.shape[0]
    gaps = means.max(1, keepdims=True) - means
    broken = (np.asarray(oracle.breaks)[:, None] < t.ravel()).sum(0).reshape(t.shape)
    total = broken * window * gaps.max()
    for gap in gaps.T:
        if (gap > 0).any():
            pulls = math.ceil(4 * math.log(window) / gap[gap > 0].min() ** 2)
            total = total + gap.max() * (np.ceil(t / window) * pulls + 2 * t / window)
    return total


def best_split(curves: Float[np.ndarray, "T K"]) -> float:
    """The largest sum of noiseless rewards over all ways to share T pulls among the arms, by brute force."""
    steps, arms = curves.shape
    earned = np.vstack([np.zeros(arms), np.cumsum(curves, 0)])
    shares = (s for s in itertools.product(range(steps + 1), repeat=arms) if sum(s) == steps)
    return max(sum(earned[n, i] for i, n in enumerate(s)) for s in shares)


def total_interval(seen: Float[np.ndarray, "n"], steps: int) -> tuple[float, float]:
    """Where the T-round total of a concave arm that never falls, nor exceeds 1, lies: from its first n pulls."""
    n, slope = len(seen), seen[-1] - (seen[-2] if len(seen) > 1 else 0.0)
    ahead = np.minimum(1, seen[-1] + slope * np.arange(1, steps - n + 1))
    return float(seen.sum() + (steps - n) * seen[-1]), float(seen.sum() + ahead.sum())


def leverage(belief: Rising, n: int) -> tuple[float, float]:
    """The variance factor of what a belief predicts after n pulls, from its weights on them, and the one it states."""
    row = menu(jnp.arange(1))

    def predict(y: Array) -> tuple[Array, Array]:
        learned = jax.lax.scan(lambda b, v: (b.update(row[0], v), None), belief, y)[0]
        return learned.mean(row)[0], learned.width(row)[0]

    weights, std = jax.vmap(predict)(jnp.eye(n))
    return float((np.asarray(weights, np.float64) ** 2).sum()), float(std[0] / belief.scale) ** 2


def _rising_cases(algorithm: Callable[[], Rising], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    concave = np.minimum(1, np.cumsum(np.sort(rng.random((7, 3)) * 0.3, 0)[::-1], 0))
    late = np.stack([np.full(6, 0.6), np.minimum(0.1 + 0.3 * np.arange(6), 1.0)], 1)
    flat = np.full((5, 2), 0.5)
    for name, curves in {"concave": concave, "a late bloomer": late, "all alike": flat}.items():
        inside, seen = curves.shape[0], [best_split(curves)]
        if name != "a late bloomer":
            for n, k in ((2, 0), (4, 1)):
                low, high = total_interval(curves[:n, k], inside)
                seen += [low - curves[:, k].sum(), curves[:, k].sum() - high]
        for n in (2, 8) if name == "concave" else ():
            found, stated = leverage(algorithm(), n)
            exact = (4 * n + 2) / (n * (n - 1))
            seen += [abs(found - exact), abs(stated - exact)]
        yield Case(name, (curves, len(seen) - 1), np.array(seen))


@record
class _Level(Rising):
    """A mutant: predicts the mean of what was seen."""

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        return self.total[menu.x] / jnp.maximum(self.plays[menu.x], 1)


@record
class _Now(Rising):
    """A mutant: predicts the last pull instead of the next."""

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        n = self.plays[menu.x]
        centre = self.total[menu.x] / jnp.maximum(n, 1)
        return centre + (Rising.mean(self, menu) - centre) * (n - 1) / (n + 1)


def _predicting(kind: type[Rising]) -> Callable[[], Rising]:
    def made() -> Rising:
        b = rising(1, window=20, threshold=1e3)
        return kind(b.plays, b.total, b.moment, b.last, b.flat, b.pulled, b.threshold, b.scale)

    return made


@guarantee(
    "One arm alone is the best policy on rising rested arms; concave totals lie in their interval; the line's leverage",
    id="rising-single-arm",
    family="bandits",
    latex=r"\max_{n_1+\dots+n_K=T}\sum_i\sum_{n\le n_i}\mu_i(n) = \max_i\sum_{n\le T}\mu_i(n),\quad"
    r"\frac{\mathrm{Var}\,\hat\mu(n+1)}{\sigma^2} = \frac{4n+2}{n(n-1)}",
    cite="heidari2016tight",
    note="proofs_notes/rising-single-arm.md",
    bounds=Always(observe.as_array, tolerance=1e-6),
    algorithm=_predicting(Rising),
    cases=_rising_cases,
    mutants={"the mean of what was seen": _predicting(_Level), "the last pull for the next": _predicting(_Now)},
)
def rising_single_arm(curves: Float[np.ndarray, "T K"], others: int = 0) -> np.ndarray:
    r"""Upper bounds: on what any policy earns on nondecreasing rested `curves` in T rounds; and `others` times on what
    is at most 0 (a total outside its interval) or 0 up to rounding (a leverage off its formula).

    Cite: heidari2016tight.
    """
    return np.concatenate([[curves.sum(0).max()], np.full(others, 1e-4)])
