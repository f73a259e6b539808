"""Batch selection and a whole loop beside the libraries people use for them.

`pip install scikit-activeml modAL-python batchbald-redux` first (with PyTorch). Each side runs in a process of its own,
ours and the peer's in turn, and prints its seconds (the median of a few runs, compiled beforehand) and the memory it
took beyond its inputs at the peak. Read the ratios. `--scale 0.1` takes a tenth of the items; `--only NAME` one row.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Run = Callable[[], Any]
SEEDS, ROUNDS = 100, 50


class Taken(NamedTuple):
    """Seconds of a run, and bytes beyond the inputs."""

    seconds: float
    memory: float


def probabilities(rng: np.random.Generator, *shape: int) -> np.ndarray:
    z = rng.normal(size=shape).astype(np.float32) * 2
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def batch_bald(scale: float, ours: bool) -> tuple[Run, int]:
    """Ten items of 1e4, 64 draws, 10 classes; 1,024 sampled configurations on both sides."""
    p = probabilities(np.random.default_rng(0), 64, int(10_000 * scale), 10)
    if ours:
        import jax

        from altheory.scores import batch_bald as kernel

        held = jax.numpy.asarray(p)
        return lambda: jax.block_until_ready(kernel(held, 10, key=jax.random.key(0)).picks), 3
    import torch
    from batchbald_redux.batchbald import get_batchbald_batch

    log_p = torch.log(torch.tensor(p).permute(1, 0, 2).contiguous())
    return lambda: get_batchbald_batch(log_p, 10, 1024, dtype=torch.float32, device="cpu"), 1


def badge(scale: float, ours: bool) -> tuple[Run, int]:
    """A hundred items of 5e4, 10 classes, 384 features."""
    rng = np.random.default_rng(0)
    n = int(50_000 * scale)
    p, x = probabilities(rng, n, 10), rng.normal(size=(n, 384)).astype(np.float32)
    if ours:
        import jax

        from altheory.scores import badge as kernel

        q, z = jax.numpy.asarray(p), jax.numpy.asarray(x)
        return lambda: jax.block_until_ready(kernel(q, z, 100, key=jax.random.key(0))), 3
    from skactiveml.classifier import SklearnClassifier
    from skactiveml.pool import Badge
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Known(ClassifierMixin, BaseEstimator):
        def fit(self, X: np.ndarray, y: np.ndarray) -> "Known":
            self.classes_ = np.arange(10)
            return self

        def predict_proba(self, X: np.ndarray) -> np.ndarray:
            return p[-len(X) :]

    y = np.full(n, np.nan)
    y[:10] = np.arange(10)
    model = SklearnClassifier(Known(), classes=np.arange(10)).fit(x, y)
    return lambda: Badge(random_state=0).query(x, y, model, fit_clf=False, batch_size=100), 1


def k_center(scale: float, ours: bool) -> tuple[Run, int]:
    """A thousand items of 1e5, 384 features."""
    n, size = int(100_000 * scale), max(int(1000 * scale), 10)
    x = np.random.default_rng(0).normal(size=(n, 384)).astype(np.float32)
    if ours:
        import jax

        from altheory.scores import k_center as kernel

        z = jax.numpy.asarray(x)
        return lambda: jax.block_until_ready(kernel(z, size)), 3
    from skactiveml.pool import CoreSet

    y = np.full(n, np.nan)
    y[0] = 0
    return lambda: CoreSet(random_state=0).query(x, y, batch_size=size), 1


def digits() -> tuple[np.ndarray, np.ndarray]:
    """The same features for all: those of the built-in study, for which the prior of both sides is the same."""
    from altheory.cli import data

    x, y, _ = data.digits()
    return data.standardise(x), y


def loop_ours(scale: float) -> tuple[Run, int]:
    """Margin sampling on digits, 50 rounds, 100 seeds at once; the time of one seed."""
    from altheory.cli import _devices

    _devices(False, None, None, None)
    import jax

    import altheory as al

    x, y = digits()
    pool = al.LabelPool(x, y, held_out=0.25, classes=10)
    policy = {"margin": al.Argmax(al.logistic(65, 10, capacity=ROUNDS), al.margin_score)}
    seeds = max(int(SEEDS * scale), 10)
    return lambda: al.study(policy, pool, jax.random.key(0), horizon=ROUNDS, seeds=seeds, record=(al.accuracy,)), 3


def loop_peer(library: str) -> tuple[Run, int]:
    """Margin sampling on digits, 50 rounds from 10 labels, one seed, scikit-learn's logistic regression."""
    from sklearn.linear_model import LogisticRegression

    x, y = digits()
    rng = np.random.default_rng(0)

    def split() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        order = rng.permutation(len(x))
        held, pool = order[: len(x) // 4], order[len(x) // 4 :]
        first = np.array([pool[np.flatnonzero(y[pool] == c)[0]] for c in range(10)])
        return held, pool, first

    def modal() -> float:
        import modAL.models.learners
        from modAL.models import ActiveLearner
        from modAL.uncertainty import margin_sampling

        # its check of arrays names an argument that scikit-learn no longer has
        modAL.models.learners.check_X_y = lambda x, y, **_: (x, y)
        held, pool, first = split()
        left = np.setdiff1d(pool, first)
        learner = ActiveLearner(LogisticRegression(max_iter=200), margin_sampling, x[first], y[first])
        right = []
        for _ in range(ROUNDS):
            at = learner.query(x[left])[0]
            learner.teach(x[left[at]], y[left[at]])
            left = np.delete(left, at)
            right.append(learner.score(x[held], y[held]))
        return right[-1]

    def activeml() -> float:
        from skactiveml.classifier import SklearnClassifier
        from skactiveml.pool import UncertaintySampling

        held, pool, first = split()
        seen = np.full(len(x), np.nan)
        seen[first] = y[first]
        rule = UncertaintySampling(method="margin_sampling", random_state=0)
        model = SklearnClassifier(LogisticRegression(max_iter=200), classes=np.arange(10))
        right = []
        for _ in range(ROUNDS):
            at = rule.query(x[pool], seen[pool], model)
            seen[pool[at]] = y[pool[at]]
            model.fit(x[pool], seen[pool])
            right.append(model.score(x[held], y[held]))
        return right[-1]

    return {"modAL": modal, "scikit-activeml": activeml}[library], 3


ROWS: dict[str, dict[str, Callable[[float], tuple[Run, int]]]] = {
    "batch_bald": {
        "altheory": lambda s: batch_bald(s, True),
        "batchbald_redux": lambda s: batch_bald(s, False),
    },
    "badge": {"altheory": lambda s: badge(s, True), "scikit-activeml": lambda s: badge(s, False)},
    "k_center": {"altheory": lambda s: k_center(s, True), "scikit-activeml": lambda s: k_center(s, False)},
    "loop": {
        "altheory": loop_ours,
        "modAL": lambda s: loop_peer("modAL"),
        "scikit-activeml": lambda s: loop_peer("scikit-activeml"),
    },
}


def one(row: str, side: str, scale: float) -> Taken:
    """Run one side in this process."""
    warnings.simplefilter("ignore")
    run, times = ROWS[row][side](scale)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if side == "altheory":
        run()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    more = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    per_run = max(int(SEEDS * scale), 10) if row == "loop" and side == "altheory" else 1
    return Taken(statistics.median(taken) / per_run, more)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--scale", type=float, default=1.0)
    words.add_argument("--only", choices=list(ROWS))
    words.add_argument("--side", help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.side:
        print(json.dumps(one(given.only, given.side, given.scale)))
        return
    for row in [given.only] if given.only else ROWS:
        found = {}
        for side in ROWS[row]:
            words_of = [sys.executable, __file__, "--only", row, "--side", side, "--scale", str(given.scale)]
            made = subprocess.run(words_of, capture_output=True, text=True)
            if made.returncode:
                print(f"{row:<12} {side:<16} failed: {made.stderr.strip().splitlines()[-1]}", flush=True)
                continue
            found[side] = Taken(*json.loads(made.stdout.splitlines()[-1]))
            ours = found.get("altheory", found[side])
            print(
                f"{row:<12} {side:<16} {found[side].seconds:>9.4g} s ({found[side].seconds / ours.seconds:.3g}x)  "
                f"{found[side].memory / 1e6:>8.0f} MB ({found[side].memory / max(ours.memory, 1):.3g}x)",
                flush=True,
            )


if __name__ == "__main__":
    main()
