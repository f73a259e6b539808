"""Theorems on streams of items whose labels are bought at random, by enumeration of every coin."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from altheory.guarantees.evidence import Equals
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.scores import importance_weighted_risk

Estimate = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]


def _stream(losses: np.ndarray, mass: np.ndarray, steps: int) -> tuple[np.ndarray, ...]:
    """Every stream and every row of coins: its losses, probabilities and coins `[n, steps]`, and its chance `[n]`.

    The chance of asking depends on the item and on the losses bought before.
    """
    rows = []
    for items in itertools.product(range(len(losses)), repeat=steps):
        for coins in itertools.product((0, 1), repeat=steps):
            prob, chance, bought = [], 1.0, 0.0
            for item, coin in zip(items, coins, strict=True):
                prob.append(0.1 + 0.8 / (1 + item + bought))
                chance *= mass[item] * (prob[-1] if coin else 1 - prob[-1])
                bought += coin * losses[item]
            rows.append((losses[list(items)], prob, coins, chance))
    return tuple(np.array(column) for column in zip(*rows, strict=True))


def _cases(algorithm: Estimate, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    for steps in (1, 3):
        losses, mass = rng.exponential(size=3), rng.dirichlet(np.ones(3))
        loss, prob, asked, chance = _stream(losses, mass, steps)
        mean = chance @ np.asarray(algorithm(loss, prob, asked), np.float64)
        yield Case(f"{steps} steps", (losses, mass), [mean])


def _clipped(loss: np.ndarray, prob: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """A mutant: weights of at most 2."""
    return np.asarray((loss * asked * np.minimum(1 / prob, 2)).mean(1))


def _stale(loss: np.ndarray, prob: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """A mutant: the probability of the step before."""
    return np.asarray((loss * asked / np.c_[prob[:, :1], prob[:, :-1]]).mean(1))


@guarantee(
    "Losses weighted by one over the probability of asking have the stream's mean loss for their expected mean",
    id="iwal-unbiased",
    family="active learning",
    latex=r"\mathbb E\,\tfrac1T\sum_t\frac{Q_t}{p_t}\ell(h(x_t),y_t) = L(h)",
    cite="beygelzimer2009importance",
    note="proofs_notes/iwal-unbiased.md",
    bounds=Equals(as_array, tolerance=1e-5),
    algorithm=importance_weighted_risk,
    cases=_cases,
    mutants={
        "no weights": lambda loss, prob, asked: (loss * asked).sum(1) / np.maximum(asked.sum(1), 1),
        "weights clipped at 2": _clipped,
        "the probability of the step before": _stale,
    },
)
def iwal_unbiased(losses: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """The mean of `losses [pairs]` under their `mass [pairs]`. Cite: beygelzimer2009importance."""
    return np.array([losses @ mass])
