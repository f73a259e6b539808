"""Theorems on when to stop, by enumeration: of gain trees, of curves, of validation sets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np
from jaxtyping import Array

from altheory.guarantees.evidence import Always, Equals
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.stopping import Plateau, StopRule, at_most, cost_balance, price_above_gain, replay

Says = Callable[..., np.ndarray]


@jax.jit
def _many(rule: StopRule, columns: dict[str, Array]) -> Array:
    return jax.vmap(partial(replay, rule))(columns)


def _replayed(rule: StopRule, **columns: np.ndarray) -> np.ndarray:
    """What a rule says on many traces at once, `[traces, T]`."""
    return np.asarray(_many(rule, columns))


def _first(says: np.ndarray) -> np.ndarray:
    """The index of the first yes, or the last index: stopping at the end of what there is."""
    return np.where(says.any(-1), says.argmax(-1), says.shape[-1] - 1)


@dataclass(frozen=True)
class Tree:
    """Labels that pay off at random, every path written out.

    `gain [P, T]` is the expected gain of label t given the path so far, `price [P, T]` its price, `realised [P, T]`
    what it brought; `chance [P]` is the path's probability, `up [T]` that of the first of the two outcomes of label t.
    """

    gain: np.ndarray
    price: np.ndarray
    realised: np.ndarray
    chance: np.ndarray
    up: np.ndarray

    def worth(self, says: np.ndarray) -> float:
        """The expected gain, less prices, of stopping before the first label at which `says [P, T]` is true."""
        buys = ~np.maximum.accumulate(says, 1)
        return float(self.chance @ ((self.realised - self.price) * buys).sum(1))

    def best(self) -> float:
        """The most that any stopping time earns, by backward induction."""
        value = np.zeros(len(self.chance))
        for t in reversed(range(len(self.up))):
            after = value.reshape(-1, 2, 2 ** (len(self.up) - t - 1))
            mean = self.up[t] * after[:, 0] + (1 - self.up[t]) * after[:, 1]
            going = self.gain[:, t] - self.price[:, t] + np.repeat(mean, 2, 0).reshape(-1)
            value = np.maximum(going, 0)
        return float(value[0])


def gain_tree(
    rng: np.random.Generator, depth: int, *, noise: float, prices: str = "one", late: bool = False
) -> Tree:  # fmt: skip
    """A tree of `depth` labels whose expected gains never grow along a path, but where `late` has them grow."""
    paths = 2**depth
    bits = (np.arange(paths)[:, None] >> np.arange(depth)[::-1]) & 1
    up = rng.uniform(0.1, 0.9, depth)
    gain, price = np.zeros((paths, depth)), np.zeros((paths, depth))
    gain[:, 0], price[:, 0] = 1.0, 0.3
    for t in range(1, depth):
        node = np.repeat(np.arange(2**t), paths >> t)
        factor = rng.choice([0.0, 0.5, 0.8, 1.0], 2**t, p=[0.1, 0.3, 0.3, 0.3])[node]
        gain[:, t] = gain[:, t - 1] * (rng.uniform(0.2, 3.0, 2**t)[node] if late else factor)
        rise = {"one": 1.0, "rising": rng.uniform(1, 1.4, 2**t)[node]}[prices]
        price[:, t] = price[:, t - 1] * rise
    swing = noise * np.where(bits == 0, 1 - up, -up)
    chance = np.where(bits == 0, up, 1 - up).prod(1)
    return Tree(gain, price, gain + swing, chance, up)


def _monotone_cases(algorithm: Says, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    for prices in ("one", "rising"):
        trees = [gain_tree(rng, 7, noise=noise, prices=prices) for noise in (0.0, 0.5, 3.0) for _ in range(4)]
        last = [np.c_[np.ones(len(t.chance)), t.realised[:, :-1]] for t in trees]
        got = [t.worth(algorithm(t.gain, t.price, seen)) for t, seen in zip(trees, last, strict=True)]
        yield Case(f"prices: {prices}", (trees,), got)


def _by_expected_gain(gain: np.ndarray, price: np.ndarray, last: np.ndarray) -> np.ndarray:
    return _replayed(price_above_gain(), gain=gain, price=price)


def _by_last_gain(gain: np.ndarray, price: np.ndarray, last: np.ndarray) -> np.ndarray:
    """A mutant: looks at what the last label brought."""
    return _replayed(price_above_gain(), gain=last, price=price)


def _one_late(gain: np.ndarray, price: np.ndarray, last: np.ndarray) -> np.ndarray:
    """A mutant: buys one label more."""
    says = _by_expected_gain(gain, price, last)
    return np.c_[np.zeros(len(says), bool), says[:, :-1]]


@guarantee(
    "Where expected gains never grow, stopping at the first that is at most its price is the best stopping time",
    id="al-stop-monotone",
    family="stopping",
    latex=r"\Delta_{n+1}\le\Delta_n \Rightarrow \mathbb E[f_\sigma-c\sigma] = \max_\tau\mathbb E[f_\tau-c\tau],\ "
    r"\sigma=\min\{n:\Delta_n\le c\}",
    cite="chow1971great",
    note="proofs_notes/al-stop-monotone.md",
    bounds=Equals(as_array, tolerance=1e-6),
    algorithm=_by_expected_gain,
    cases=_monotone_cases,
    mutants={"compares the last realised gain": _by_last_gain, "buys one label more": _one_late},
)
def al_stop_monotone(trees: list[Tree]) -> np.ndarray:
    """The best value of each tree, by dynamic programming over all stopping times. Cite: chow1971great."""
    return np.array([tree.best() for tree in trees])


def hard_curves(points: int) -> dict[str, np.ndarray]:
    """Errors that never rise, at 0 to `points` - 1 labels: cliffs early and late, flat ones, steps, power laws."""
    n = np.arange(points)
    rng = np.random.default_rng(1)
    steps = np.sort(rng.choice([0.0, 0.05, 0.2, 0.4, 0.9], points))[::-1]
    curves = {f"a cliff at {at}": np.where(n < at, 0.5, 0.0) for at in (1, 3, points // 2, points - 1)}
    curves |= {"flat": np.full(points, 0.3), "no error": np.zeros(points), "steps": steps}
    curves |= {f"a power law, {c:g}": 0.05 + 0.6 * np.maximum(n, 1.0) ** -c for c in (0.2, 1.0, 2.0)}
    return curves


STAKES = (0.5, 1.0, 8.0, 50.0, 399.0)


def _cost_cases(algorithm: Says, trials: int) -> Iterator[Case]:
    for name, error in hard_curves(200).items():
        spent = np.arange(len(error), dtype=np.float64)
        width = 0.3 / np.sqrt(1 + spent)
        low = np.stack([error, np.maximum(error - width * 0.7, 0)])
        high = np.stack([error, error + width * 0.3])
        paid = []
        for stake in STAKES:
            at = _first(algorithm(np.stack([spent, spent]), low, stake))
            paid += list(at + stake * error[at])
        yield Case(name, (error, high - low), paid)


def _balanced(spent: np.ndarray, error: np.ndarray, stake: float) -> np.ndarray:
    return _replayed(cost_balance(stake), spent=spent, error=error)


def _marginal(spent: np.ndarray, error: np.ndarray, stake: float) -> np.ndarray:
    """A mutant: stops where the next label does not pay, on curves that are not convex."""
    fall = -np.diff(error, axis=1, append=error[:, -1:])
    return np.asarray(_replayed(price_above_gain(stake), gain=fall, price=np.ones_like(fall)))


@guarantee(
    "Stopping once the labels cost what the errors would costs at most twice the least possible, plus one label",
    id="cost-two-competitive",
    family="stopping",
    latex=r"cn+Me_n\text{ at the first }cn\ge ML_n:\quad C \le 2\min_n C_n + \max(c, M(U_{\hat n}-L_{\hat n}))",
    cite="pullarstrecker2024hitting",
    note="proofs_notes/cost-two-competitive.md",
    bounds=Always(as_array, tolerance=1e-6),
    algorithm=_balanced,
    cases=_cost_cases,
    mutants={
        "marginal rule on curves that are not convex": _marginal,
        "spends four times the errors' cost": lambda spent, error, stake: _balanced(spent, error, 4 * stake),
    },
)
def cost_two_competitive(error: np.ndarray, width: np.ndarray) -> np.ndarray:
    """The most that may be paid, for each stake, with the error known and with an interval of `width [2, n]` around it.

    The price of a label is 1. Cite: pullarstrecker2024hitting.
    """
    n = np.arange(len(error))
    most = []
    for stake in STAKES:
        best = (n + stake * error).min()
        most += [2 * best + max(1.0, stake * w.max()) for w in width]
    return np.array(most)


TOLERANCE = 0.02


def net_gains(gain: float, churn: float, items: int) -> tuple[np.ndarray, np.ndarray]:
    """The exact law of the share of items that a check gains, all but 1e-12 of it: the shares and their chances.

    Each item is a draw: it goes from wrong to right with probability (churn + gain)/2, back with (churn - gain)/2.
    """
    law = np.ones(1)
    for _ in range(items):
        law = np.convolve(law, [(churn - gain) / 2, 1 - churn, (churn + gain) / 2])
    keep = law > 1e-15
    return np.arange(-items, items + 1)[keep] / items, law[keep]


def _plateau_cases(algorithm: Callable[[int], tuple[int, StopRule]], trials: int) -> Iterator[Case]:
    for items, gains, churn in (
        (800, (0.06, 0.1), 0.12),
        (800, (0.1, 0.12), 0.3),
        (200, (0.15, 0.2), 0.25),
        (200, (0.0, 0.15), 0.2),
    ):
        used, rule = algorithm(items)
        (one, p), (two, q) = (net_gains(g, churn, used) for g in gains)
        first, second = (x.ravel() for x in np.meshgrid(one, two, indexing="ij"))
        error = np.stack([np.full(len(first), 0.9), 0.9 - first, 0.9 - first - second], 1)
        at = _first(np.c_[_replayed(rule, error=error), np.ones(len(error), bool)])
        wrong = np.array([False, gains[0] > TOLERANCE, gains[1] > TOLERANCE, False])[at]
        yield Case(f"{items} items, gains {gains}", (items, np.array(gains)), [np.outer(p, q).ravel() @ wrong])


@guarantee(
    "A plateau rule stops at a check with a true gain g above its tolerance with probability at most the sum of "
    "exp(-m (g - eps)^2 / 2)",
    id="plateau-false-stop",
    family="stopping",
    latex=r"P(\text{stop at a check with }g_j>\epsilon) \le \sum_{j:g_j>\epsilon}e^{-m(g_j-\epsilon)^2/2}",
    cite="hoeffding1963probability",
    note="proofs_notes/plateau-false-stop.md",
    bounds=Always(as_array, tolerance=1e-9),
    ceiling=lambda items, gains: 1.0,
    algorithm=lambda items: (items, Plateau(TOLERANCE, window=1)),
    cases=_plateau_cases,
    mutants={
        "judges by 20 of the items": lambda items: (20, Plateau(TOLERANCE, window=1)),
        "four times the tolerance": lambda items: (items, Plateau(4 * TOLERANCE, window=1)),
        "stops at any gain": lambda items: (items, at_most("error", 0.899)),
    },
)
def plateau_false_stop(items: int, gains: np.ndarray) -> float:
    """The bound for `items` validation items and the true `gains` at two checks. Cite: hoeffding1963probability."""
    above = gains[gains > TOLERANCE]
    return float(np.exp(-items * (above - TOLERANCE) ** 2 / 2).sum())
