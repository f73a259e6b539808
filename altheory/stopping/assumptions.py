"""Whether recorded data contradict what a stop or a search assumes, in sentences that name the assumption."""

from typing import Any

import numpy as np
from scipy import stats

from altheory.core.check import at_least, finite, matrix, within


def search_assumptions(
    values: Any, price: Any = None, *, obligatory: bool = True, outside: float = 0.0, alpha: float = 1e-3
) -> list[str]:
    """What in recorded searches speaks against Weitzman's rule: a sentence for each assumption that fails, or none.

    `values [rows, K]` are the prizes of K boxes on the same occasions, `price` `[K]`, or `[rows, K]` where prices were
    recorded too. *Independent boxes*: Spearman's rank correlation of each pair. *Prices that tell nothing*: of each
    price with each prize. *Obligatory inspection*: where `obligatory` is False and some box is worth taking unopened.
    Each test is two-sided and corrected for the number of pairs; the chance of any false sentence is at most twice
    `alpha`. Silence is no proof. Raises `ValueError` where there are fewer than 8 rows or shapes differ.
    """
    matrix("search_assumptions values", values)
    finite("search_assumptions values", values)
    within("search_assumptions alpha", alpha, 0, 1)
    values = np.asarray(values, np.float64)
    rows, boxes = values.shape
    at_least("search_assumptions rows", rows, 8)
    price = np.zeros(boxes) if price is None else np.asarray(price, np.float64)
    finite("search_assumptions price", price)
    if price.shape not in ((boxes,), values.shape):
        raise ValueError(f"search_assumptions price must be [{boxes}] or {values.shape}; its shape is {price.shape}")
    said = []
    pair = _strongest(values, None, alpha)
    if pair is not None:
        i, j, r = pair
        said.append(
            f"boxes are not independent: prizes {i} and {j} have rank correlation {r:.2f}, so Weitzman's rule need not "
            "be optimal; compare rules on a TableSearch"
        )
    pair = _strongest(price, values, alpha) if price.ndim == 2 else None
    if pair is not None:
        i, j, r = pair
        said.append(
            f"prices are not fixed beforehand: price {i} and prize {j} have rank correlation {r:.2f}, so a price tells "
            "of prizes, and reservation values do not hold"
        )
    if not obligatory and values.mean(0).max() > outside:
        said.append(
            f"inspection is not obligatory: box {int(values.mean(0).argmax())} is worth taking unopened, which is "
            "another problem and NP-hard; see nonobligatory_bounds"
        )
    return said


def gain_assumptions(gains: Any, *, alpha: float = 1e-3) -> list[str]:
    """What in recorded runs speaks against stopping where the next label no longer pays: a sentence, or none.

    `gains [runs, rounds]` is what each label was expected to gain, or did. *Gains that do not grow*: at no round may
    later gains exceed earlier ones on average; each later half of an interval of rounds is compared with its first half
    by a paired one-sided t-test over runs, corrected for their number. `price_above_gain` and `outpriced` are optimal
    only then. Raises `ValueError` where there are fewer than 2 runs or rounds.
    """
    matrix("gain_assumptions gains", gains)
    finite("gain_assumptions gains", gains)
    within("gain_assumptions alpha", alpha, 0, 1)
    gains = np.asarray(gains, np.float64)
    at_least("gain_assumptions runs", gains.shape[0], 2)
    at_least("gain_assumptions rounds", gains.shape[1], 2)
    worst, tests = (1.0, 0, 0), 0
    width = 1
    while 2 * width <= gains.shape[1]:
        for start in range(0, gains.shape[1] - 2 * width + 1, width):
            first, later = gains[:, start : start + width], gains[:, start + width : start + 2 * width]
            rise, tests = later.mean(1) - first.mean(1), tests + 1
            p = (
                float(rise.mean() <= 0)
                if np.ptp(rise) == 0
                else stats.ttest_1samp(rise, 0, alternative="greater").pvalue
            )
            worst = min(worst, (float(p), start + width, start + 2 * width))
        width *= 2
    if worst[0] * tests > alpha:
        return []
    return [
        f"gains grow along the run: those of rounds {worst[1]} to {worst[2] - 1} exceed the ones before (p = "
        f"{worst[0] * tests:.1g}), so stopping where the next label no longer pays may be too early; use CostOptimum"
    ]


def _strongest(x: np.ndarray, other: np.ndarray | None, alpha: float) -> tuple[int, int, float] | None:
    """The pair of columns with the least p of Spearman's test, where it passes the Bonferroni line."""
    if (other is None and x.shape[1] < 2) or len(x) < 8:
        return None
    both = x if other is None else np.c_[x, other]
    moving = np.ptp(both, axis=0) > 0
    ranks = np.apply_along_axis(stats.rankdata, 0, both)
    ranks = (ranks - ranks.mean(0)) / np.where(moving, ranks.std(0), 1)
    r = np.clip(ranks.T @ ranks / len(x), -1, 1)
    r = np.triu(r, 1) if other is None else r[: x.shape[1], x.shape[1] :]
    pairs = x.shape[1] * (x.shape[1] - 1) // 2 if other is None else r.size
    i, j = np.unravel_index(np.abs(r).argmax(), r.shape)
    t = abs(r[i, j]) * np.sqrt((len(x) - 2) / max(1 - r[i, j] ** 2, 1e-300))
    return (int(i), int(j), float(r[i, j])) if 2 * stats.t.sf(t, len(x) - 2) * pairs <= alpha else None
