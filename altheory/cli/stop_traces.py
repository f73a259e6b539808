"""Recorded active-learning runs on real data: what stop rules are compared on."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array

import altheory as al
from altheory.cli.data import standardise
from altheory.core import Key, Menu
from altheory.scores import expected_error_reduction
from altheory.sim.blocks import Store
from altheory.sim.manifest import config_hash, describe
from altheory.sim.study import Progress

Labelled = tuple[np.ndarray, np.ndarray]
"""Features `[N, d]` and classes `[N]`."""

Runs = dict[str, np.ndarray]
"""Readings by name, `[seeds, T, ...]`, of runs with 0 to T - 1 labels."""

MOST = {"pool": 600, "validation": 200, "test": 500}
"""Items of each part, at most; a data set is split 5 : 2 : 3."""

STOP_SET, SAMPLE, DRAWS, BLOCK = 50, 48, 8, 5
STRATEGIES = {"random": 0.0, "margin": 1.0}
READ = ("labels", "spent", "error", "test", "predictions", "uncertainty", "largest", "gain", "training_error", "price")
BUNDLED = ("iris", "wine", "breast_cancer", "digits")
TABLES = ("banknote_authentication", "ionosphere", "sonar", "wheat_seeds", "phoneme", "winequality_white")
COMPONENTS = 48


def sources() -> dict[str, Callable[[], Labelled]]:
    """The data sets by name: four of scikit-learn, and those of the folder `ALTHEORY_DATA` that are there."""
    from sklearn import datasets

    found: dict[str, Callable[[], Labelled]] = {
        name: partial(_sklearn, getattr(datasets, f"load_{name}")) for name in BUNDLED
    }
    if "ALTHEORY_DATA" not in os.environ:
        return found
    folder = Path(os.environ["ALTHEORY_DATA"])
    tables = {name: folder / "tabular_uci" / f"{name}.parquet" for name in TABLES}
    found |= {name: partial(_table, path) for name, path in tables.items() if path.is_file()}
    if (folder / "text_agnews" / "emb_minilm.npy").is_file():
        found["agnews"] = partial(_text, folder / "text_agnews")
    return found


def _sklearn(load: Callable[..., Labelled]) -> Labelled:
    return load(return_X_y=True)


def _table(path: Path) -> Labelled:
    frame = pd.read_parquet(path)
    return frame.drop(columns="y").to_numpy(np.float64), frame["y"].to_numpy()


def _text(folder: Path) -> Labelled:
    labels = pd.read_parquet(folder / "items.parquet")["label"].to_numpy()
    return np.load(folder / "emb_minilm.npy").astype(np.float64), labels


def prepared(x: np.ndarray, y: np.ndarray) -> Labelled:
    """At most 1,300 items; features of variance 1, at most 48 principal components, then as every study has them.

    Raises `ValueError` where there are too few items to split.
    """
    keep = np.random.default_rng(0).permutation(len(y))[: sum(MOST.values())]
    if len(keep) < 40:
        raise ValueError(f"the study of stopping needs 40 items or more, to split in three; it got {len(keep)}")
    x, y = x[keep].astype(np.float64), np.unique(y[keep], return_inverse=True)[1].astype(np.int32)
    x = x - x.mean(0)
    x = x / np.where(x.std(0) > 0, x.std(0), 1)
    if x.shape[1] > COMPONENTS:
        x = x @ np.linalg.svd(x, full_matrices=False)[2][:COMPONENTS].T
    return standardise(x), y


def parts(items: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Rows of the validation set, the test set and the pool, drawn afresh."""
    sizes = {"validation": min(items // 5, MOST["validation"]), "test": min(items * 3 // 10, MOST["test"])}
    sizes["pool"] = min(items - sum(sizes.values()), MOST["pool"])
    return dict(zip(sizes, np.split(rng.permutation(items), np.cumsum(list(sizes.values())))[:3], strict=True))


def strategy(belief: Any, menu: Menu, key: Key, *, margin: float = 1.0) -> Array:
    """The margin score where `margin` is 1, chance where it is 0: one program for both."""
    return margin * al.margin_score(belief, menu, key) + (1 - margin) * al.uniform(belief, menu, key)


def expected_gain(belief: Any, menu: Menu, key: Key) -> Array:
    """The largest expected error reduction of a label, over a sample of the menu, by the model's own predictions."""
    pick_key, draw_key = jax.random.split(key)
    rows = jax.random.permutation(pick_key, menu.open.shape[0])[:SAMPLE]
    p = belief.predictive(menu[rows], draw_key, DRAWS)
    return jnp.where(menu.open[rows], expected_error_reduction(p, p), 0).max()


def training_error(belief: Any, menu: Menu, key: Key, *, y: Array) -> Array:
    """The share of the labels bought that the belief does not reproduce; 0 before the first."""
    bought = ~menu.open
    wrong = (jnp.argmax(belief.probs(menu), -1) != y) & bought
    return wrong.sum() / jnp.maximum(bought.sum(), 1)


def watched(x: np.ndarray, y: np.ndarray, split: dict[str, np.ndarray], margin: float, rounds: int) -> tuple[Any, Any]:
    """A policy that never stops and reads everything, and its pool."""
    classes = int(y.max()) + 1
    pool = al.LabelPool(x[split["pool"]], y[split["pool"]], classes=classes)
    of = {part: {"x": jnp.asarray(x[rows]), "y": jnp.asarray(y[rows])} for part, rows in split.items()}
    gauges = {
        "error": al.score(al.validation_error, **of["validation"]),
        "test": al.score(al.validation_error, **of["test"]),
        "predictions": al.score(al.predictions, x=of["pool"]["x"][jnp.arange(STOP_SET) % len(split["pool"])]),
        "uncertainty": al.mean_entropy,
        "largest": al.max_entropy,
        "gain": expected_gain,
        "training_error": al.score(training_error, y=pool.y),
    }
    belief = al.logistic(x.shape[1], classes, capacity=min(rounds, 256))
    return al.Until(al.Argmax(belief, al.score(strategy, margin=margin)), al.AnyOf(), gauges), pool


@partial(jax.jit, static_argnames="horizon")
def _runs(policy: Any, pool: Any, key: Array, *, horizon: int) -> dict[str, Array]:
    def one(policy: Any, pool: Any, key: Array) -> dict[str, Array]:
        record = tuple(al.reading(name) for name in READ)
        return al.simulate(policy, pool, key, horizon=horizon, record=record)[1].metrics

    return jax.vmap(one)(policy, pool, key)


def recorded(
    name: str, x: np.ndarray, y: np.ndarray, how: str, *, seeds: int, most: int, seed: int,
    folder: Path | None = None, done: Callable[[int], None] = lambda n: None,
) -> Runs:  # fmt: skip
    """Runs of a strategy on a data set, in blocks of five seeds that are kept in `folder`."""
    x, y = prepared(x, y)
    rounds = min(most, len(parts(len(y), np.random.default_rng(0))["pool"])) + 1
    tag = config_hash({"data": describe((x, y)), "how": how, "rounds": rounds, "seed": seed, "version": al.__version__})
    store, kept = Store(folder, f"{name}-{how}-{tag}"), []
    for b in range(-(-seeds // BLOCK)):
        part = store.get(b)
        if part is None:
            each = range(b * BLOCK, (b + 1) * BLOCK)
            made = [
                watched(x, y, parts(len(y), np.random.default_rng([seed, s])), STRATEGIES[how], rounds) for s in each
            ]
            policy, pool = jax.tree.map(lambda *a: jnp.stack([jnp.asarray(v) for v in a]), *made)
            keys = jax.vmap(lambda s: jax.random.fold_in(jax.random.key(seed), s))(jnp.arange(each.start, each.stop))
            part = {k: np.asarray(v) for k, v in _runs(policy, pool, keys, horizon=rounds).items()}
            store.put(b, part)
        kept.append(part)
        done(min((b + 1) * BLOCK, seeds))
    return {k: np.concatenate([p[k] for p in kept])[:seeds] for k in kept[0]}


def every_trace(
    pools: dict[str, Callable[[], Labelled]], *, seeds: int, most: int, seed: int, folder: Path | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[str, int, Runs]]:  # fmt: skip
    """Data set and strategy, the number of validation items, and the readings of the runs, one after another."""
    for name, load in pools.items():
        x, y = load()
        items = len(parts(min(len(y), sum(MOST.values())), np.random.default_rng(0))["validation"])
        for how in STRATEGIES:
            done = partial(_report, progress, f"{name}, {how}", seeds)
            runs = recorded(name, x, y, how, seeds=seeds, most=most, seed=seed, folder=folder, done=done)
            yield f"{name}, {how}", items, runs


def _report(progress: Progress | None, name: str, seeds: int, done: int) -> None:
    if progress is not None:
        progress(name, done, seeds)
