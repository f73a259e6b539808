"""Features and labels from a file the user has: .npz, .npy, .csv or .parquet."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SPREAD = 30.0
"""Mean squared length that centred features are scaled to, so that a prior precision of 1 suits any data."""


def digits() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """scikit-learn's handwritten digits: 1,797 images of 8 x 8 pixels."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x, y, [str(c) for c in range(10)]


def topics(
    items: int = 3000, dim: int = 64, classes: int = 8, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Simulated sentence embeddings: unit vectors about topics of unequal size, each of a few subtopics, some mixed.

    A stand-in for real embeddings where there are none: classes are told apart by few of the directions, a fifth of
    the items lie between two topics, and the rarest topic has a sixth of the commonest one's share.
    """
    rng = np.random.default_rng(seed)
    share = np.geomspace(1, 1 / 6, classes)
    y = rng.choice(classes, items, p=share / share.sum())
    centres = 0.25 * rng.normal(size=(classes, 4, dim)) + 0.35 * rng.normal(size=(classes, 1, dim))
    own = centres[y, rng.integers(0, 4, items)]
    other = centres[rng.integers(0, classes, items), rng.integers(0, 4, items)]
    mix = np.where(rng.random(items) < 0.2, rng.uniform(0.2, 0.5, items), 0)[:, None]
    x = (1 - mix) * own + mix * other + rng.normal(size=(items, dim))
    return x / np.linalg.norm(x, axis=1, keepdims=True), y.astype(np.int32), [f"topic {c}" for c in range(classes)]


def load(path: Path, labels: str | None) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Features `[N, d]`, classes `[N]` numbered from 0, and the classes' names.

    `.csv`, `.parquet`: `labels` names the label column; every other numeric column is a feature (or one column of
    lists). `.npz`: arrays `X` and `y`, or the one `labels` names. `.npy`: a matrix whose last column holds the labels,
    or the one `labels` numbers. `labels` may be `FILE:COLUMN` to take them from another table. Raises `ValueError` or
    `FileNotFoundError` with a sentence.
    """
    if not path.is_file():
        raise FileNotFoundError(f"--data {path} is not a file")
    if labels is not None and ":" in labels and path.suffix != ".npz":
        other, column = labels.rsplit(":", 1)
        x, y = _matrix(path), _column(_table(Path(other)), column, Path(other)).to_numpy()
    else:
        x, y = _both(path, labels)
    x = _numbers(path, x)
    if len(x) != len(y):
        raise ValueError(f"{path} has {len(x)} rows of features and {len(y)} labels: they must be as many")
    if len(x) == 0:
        raise ValueError(f"{path} has no rows")
    return x, *_classes(path, y)


def standardise(x: np.ndarray) -> np.ndarray:
    """Features centred, scaled to a mean squared length of 30, with a constant column."""
    x = x.astype(np.float64) - x.mean(0, dtype=np.float64)
    size = float((x**2).sum(1).mean())
    return np.c_[x * np.sqrt(SPREAD / size) if size > 0 else x, np.ones(len(x))].astype(np.float32)


def _both(path: Path, labels: str | None) -> tuple[Any, Any]:
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            name = labels or "y"
            for wanted in ("X", name):
                if wanted not in file:
                    raise ValueError(f"{path} has no array {wanted!r}; it has {', '.join(file.files)}")
            return file["X"], file[name]
    if path.suffix == ".npy":
        x = _matrix(path)
        at = x.shape[1] - 1 if labels is None else _index(path, labels, x.shape[1])
        return np.delete(x, at, axis=1), x[:, at]
    table = _table(path)
    if labels is None:
        raise ValueError(f"--labels must name the label column of {path}; it has {', '.join(map(str, table.columns))}")
    y = _column(table, labels, path)
    if len(y) == 0:
        raise ValueError(f"{path} has no rows")
    rest = table.drop(columns=labels)
    lists = [c for c in rest if rest[c].dtype == object and isinstance(rest[c].iloc[0], (list, np.ndarray))]
    if lists:
        return np.stack(rest[lists[0]].to_numpy()), y.to_numpy()
    numeric = rest.select_dtypes("number")
    if numeric.shape[1] == 0:
        raise ValueError(f"{path} has no numeric column besides {labels!r}: give a file of features or embeddings")
    return numeric.to_numpy(), y.to_numpy()


def _matrix(path: Path) -> np.ndarray:
    if path.suffix != ".npy":
        raise ValueError(f"features with labels from another file must be a .npy matrix; {path} is none")
    x = np.load(path, allow_pickle=False)
    if x.ndim != 2:
        raise ValueError(f"{path} must hold a [rows, columns] matrix; its shape is {x.shape}")
    return x


def _table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file")
    if path.suffix == ".csv":
        return pd.read_csv(path)
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    raise ValueError(f"{path} must end in .npz, .npy, .csv or .parquet")


def _column(table: pd.DataFrame, name: str, path: Path) -> pd.Series:
    if name not in table:
        raise ValueError(f"{path} has no column {name!r}; it has {', '.join(map(str, table.columns))}")
    return table[name]


def _index(path: Path, labels: str, columns: int) -> int:
    if not labels.lstrip("-").isdigit() or not -columns <= int(labels) < columns:
        raise ValueError(
            f"--labels must number one of the {columns} columns of {path} (or be FILE:COLUMN); it is {labels!r}"
        )
    return int(labels) % columns


def _numbers(path: Path, x: Any) -> np.ndarray:
    x = np.asarray(x)
    if x.ndim != 2 or not (np.issubdtype(x.dtype, np.number) or x.dtype == bool):
        raise ValueError(
            f"the features of {path} must be a matrix of numbers; their type is {x.dtype}, shape {x.shape}"
        )
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, column = bad[0]
        raise ValueError(f"{path} has {x[row, column]} in row {row}, feature {column}: drop or impute such rows")
    return x


def _classes(path: Path, y: np.ndarray) -> tuple[np.ndarray, list[str]]:
    missing = pd.isna(y)
    if missing.any():
        raise ValueError(f"{path} has no label in row {int(np.argmax(missing))}: drop such rows")
    if np.issubdtype(y.dtype, np.floating) and not np.array_equal(y, np.round(y)):
        raise ValueError(f"the labels of {path} are fractions: they must be classes")
    names, codes = np.unique(y, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"{path} has one class only ({names[0]}): there is nothing to learn")
    if len(names) > max(2, len(y) // 2):
        raise ValueError(f"{path} has {len(names)} different labels in {len(y)} rows: they must be classes")
    return codes.astype(np.int32), [str(n) for n in names]
