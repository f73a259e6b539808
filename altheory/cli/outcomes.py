"""Recorded answers of several models to the same items: who was right, and what it cost."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

COLUMNS, EXTRA = ("item", "model", "correct", "usd"), ("answer", "confidence")


@dataclass(frozen=True)
class Outcomes:
    """`right [items, models]` in [0, 1] and `dollars [items, models]`, by items in the order they first come."""

    items: tuple[str, ...]
    models: tuple[str, ...]
    right: Float[np.ndarray, "items models"]
    dollars: Float[np.ndarray, "items models"]
    x: Float[np.ndarray, "items d"] | None = None
    """Features of the items, where there are any."""
    answers: np.ndarray | None = None
    """What was answered `[items, models]`, where it was recorded."""
    stated: Float[np.ndarray, "items models"] | None = None
    """The confidence that each answer came with, where it was recorded."""

    def with_person(self, price: float, right: float, seed: int) -> "Outcomes":
        """The same outcomes with a person as one more model, who is right that often, at that price an answer."""
        if not (price > 0 and 0 <= right <= 1):
            raise ValueError(f"a person's price must be above 0 and right in [0, 1]; they are {price:g} and {right:g}")
        hits = np.random.default_rng(seed).random((len(self.items), 1)) < right
        none = None if self.answers is None else np.c_[self.answers, np.full((len(self.items), 1), None)]
        sure = None if self.stated is None else np.c_[self.stated, np.full((len(self.items), 1), right)]
        return dataclasses.replace(
            self, models=(*self.models, "person"), right=np.c_[self.right, hits],
            dollars=np.c_[self.dollars, np.full((len(self.items), 1), price)], answers=none, stated=sure,
        )  # fmt: skip


def load_outcomes(path: Path, labels: str | None = None) -> Outcomes:
    """Outcomes from a .csv or .parquet of rows (item, model, correct, usd), every model on every item.

    `correct` lies in [0, 1], `usd` is at least 0. Two columns may be there besides: `answer`, what was answered, and
    `confidence` in [0, 1], how sure the model said it was; others are not looked at. Raises `FileNotFoundError` or
    `ValueError` with a sentence: a column that is missing, a pair missing or there twice, a number out of range.
    """
    if labels is not None:
        raise ValueError("--labels has no meaning for recorded outcomes: their columns are item, model, correct, usd")
    return as_outcomes(read_table(path), str(path))


def read_table(path: Path) -> pd.DataFrame:
    """A .csv or .parquet; raises `FileNotFoundError` or `ValueError` where it is none."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file")
    if path.suffix not in (".csv", ".parquet"):
        raise ValueError(f"{path} must end in .csv or .parquet")
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def outcome_file(path: Path, labels: str | None) -> Path:
    """The path itself, once its table is found to be one of outcomes."""
    load_outcomes(path, labels)
    return path.resolve()


def as_outcomes(table: pd.DataFrame, name: str) -> Outcomes:
    """Outcomes of a table with rows (item, model, correct, usd); raises as `load_outcomes` does."""
    for column in COLUMNS:
        if column not in table:
            raise ValueError(f"{name} has no column {column!r}; it has {', '.join(map(str, table.columns))}")
    if table.empty:
        raise ValueError(f"{name} has no rows")
    twice = table.duplicated(["item", "model"])
    if twice.any():
        row = table[twice].iloc[0]
        raise ValueError(f"{name} has item {row['item']} and model {row['model']} twice: keep one")
    order = table["item"].drop_duplicates()
    wide = (table.pivot(index="item", columns="model", values=c).reindex(order) for c in ("correct", "usd"))
    right, dollars = wide
    if right.isna().any().any() or dollars.isna().any().any():
        item, model = np.argwhere(right.isna().to_numpy() | dollars.isna().to_numpy())[0]
        raise ValueError(f"{name} has no outcome of {right.columns[model]} on item {right.index[item]}: add or drop it")
    r, d = right.to_numpy(np.float64), dollars.to_numpy(np.float64)
    if (r < 0).any() or (r > 1).any():
        raise ValueError(f"{name} correct must lie in [0, 1]; it has {r[(r < 0) | (r > 1)][0]:g}")
    if (d < 0).any() or not np.isfinite(d).all():
        raise ValueError(f"{name} usd must be at least 0 and finite; its smallest is {d.min():g}")
    more = {c: table.pivot(index="item", columns="model", values=c).reindex(order) for c in EXTRA if c in table}
    answers = more["answer"].astype(object).to_numpy() if "answer" in more else None
    stated = more["confidence"].to_numpy(np.float64) if "confidence" in more else None
    if stated is not None and not ((stated >= 0) & (stated <= 1)).all():
        raise ValueError(f"{name} confidence must lie in [0, 1] for every row; drop the column or fill it in")
    return Outcomes(tuple(map(str, right.index)), tuple(map(str, right.columns)), r, d, None, answers, stated)


def recorded_outcomes() -> Outcomes:
    """The table of `ALTHEORY_DATA` where it has one, without models of hidden costs; else a simulated one."""
    folder = Path(os.environ.get("ALTHEORY_DATA", "../shared/data")) / "routing_zeroeval"
    if not (folder / "outcomes.parquet").is_file():
        return simulated_outcomes()
    table = pd.read_parquet(folder / "outcomes.parquet", columns=[*COLUMNS, "pred"])
    table = table.rename(columns={"pred": "answer"})
    models = pd.read_csv(folder / "models.csv")
    hidden = set(models.model[models.hidden_reasoning])
    made = as_outcomes(table[~table.model.isin(hidden)], "outcomes.parquet")
    return dataclasses.replace(made, x=np.load(folder / "emb_minilm_items.npy").astype(np.float64))


def simulated_outcomes(items: int = 1500, models: int = 12, seed: int = 0) -> Outcomes:
    """Models of rising skill and price on items whose difficulty their features tell in part, by a logistic law."""
    rng = np.random.default_rng(seed)
    skill, hard = np.linspace(-0.5, 2, models), rng.normal(size=(items, 1))
    right = rng.random((items, models)) < 1 / (1 + np.exp(hard - skill))
    dollars = 5e-5 * 1.5 ** np.arange(models) * rng.gamma(4, 0.25, right.shape)
    names = tuple(f"model {i:02d}" for i in range(models))
    x = np.c_[hard + 0.3 * rng.normal(size=(items, 1)), rng.normal(size=(items, 3))]
    return Outcomes(tuple(map(str, range(items))), names, right.astype(float), dollars, x)
