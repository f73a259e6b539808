"""Where a labeler is wrong: four kinds of error, each as a table of error rates and of the wrong class."""

from collections.abc import Callable

import numpy as np

KINDS = ("uniform", "hard", "classpair", "region")
ANY_OTHER = -1
"""The wrong class is drawn uniformly from the others."""

Table = tuple[np.ndarray, np.ndarray]


def error_table(kind: str, x: np.ndarray, y: np.ndarray, flip: float, *, seed: int) -> Table:
    """Per item: the probability `[N]` that its label is wrong, averaging `flip`, and the wrong class `[N]`.

    - `uniform`: every item alike, any other class.
    - `hard`: falling with the item's margin between its own class's centroid and the nearest other, which is the
      class it is taken for.
    - `classpair`: whole classes are taken for their nearest neighbour, one class after another until `flip` is reached.
    - `region`: beyond a hyperplane every label is wrong, always by the same permutation of the classes.

    Raises `ValueError` for a kind that is none of these.
    """
    tables: dict[str, Callable[..., Table]] = {
        "uniform": _uniform,
        "hard": _hard,
        "classpair": _classpair,
        "region": _region,
    }
    if kind not in tables:
        raise ValueError(f"labeler kind must be one of {', '.join(KINDS)}; it is {kind!r}")
    return tables[kind](x, y, flip, np.random.default_rng(seed))


def _uniform(x: np.ndarray, y: np.ndarray, flip: float, rng: np.random.Generator) -> Table:
    return np.full(len(y), flip), np.full(len(y), ANY_OTHER)


def _centroids(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    classes = np.unique(y)
    return np.stack([x[y == c].mean(0) for c in classes]), classes


def _hard(x: np.ndarray, y: np.ndarray, flip: float, rng: np.random.Generator) -> Table:
    centres, classes = _centroids(x, y)
    distance = (x**2).sum(1, keepdims=True) - 2 * x @ centres.T + (centres**2).sum(1)
    own = classes[None] == y[:, None]
    other = np.where(own, np.inf, distance)
    margin = other.min(1) - distance[own]
    rank = np.argsort(np.argsort(margin, kind="stable")) / max(len(y) - 1, 1)
    return _scaled(np.exp(-5 * rank), flip), classes[other.argmin(1)]


def _scaled(shape: np.ndarray, mean: float) -> np.ndarray:
    """`min(1, a * shape)` with the mean asked for, by bisection on `a`."""
    low, high = 0.0, 1 / shape.min()
    for _ in range(100):
        mid = (low + high) / 2
        low, high = (mid, high) if np.minimum(1, mid * shape).mean() < mean else (low, mid)
    return np.minimum(1, high * shape)


def _classpair(x: np.ndarray, y: np.ndarray, flip: float, rng: np.random.Generator) -> Table:
    centres, classes = _centroids(x, y)
    distance = ((centres[:, None] - centres[None]) ** 2).sum(-1) + np.where(np.eye(len(classes)) > 0, np.inf, 0)
    error, wrong, left = np.zeros(len(y)), y.copy(), flip * len(y)
    for c in np.argsort(distance.min(1), kind="stable"):
        mine = y == classes[c]
        error[mine] = np.clip(left / mine.sum(), 0, 1)
        wrong[mine] = classes[distance[c].argmin()]
        left -= error[mine].sum()
    return error, wrong


def _region(x: np.ndarray, y: np.ndarray, flip: float, rng: np.random.Generator) -> Table:
    direction = rng.normal(size=x.shape[1])
    rank = np.argsort(np.argsort(x @ direction, kind="stable"))
    classes = np.unique(y)
    return (rank < round(flip * len(y))).astype(float), classes[(np.searchsorted(classes, y) + 1) % len(classes)]
