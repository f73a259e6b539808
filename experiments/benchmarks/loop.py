"""The compiled loop beside plain loops: UCB1 in numpy, active learning with scikit-learn.

Run `python experiments/benchmarks/loop.py [--quick]`. Everything is timed in one run, interleaved, as medians; read the
ratios. The machine's limit for UCB1 is the time its random bits alone take.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

import altheory as al

ARMS = np.linspace(0.1, 0.9, 10)


def ucb1_numpy(seeds: int, horizon: int, rng: np.random.Generator) -> np.ndarray:
    """UCB1 over many seeds at once; returns the plays `[seeds, arms]`."""
    plays, total, row = np.zeros((seeds, len(ARMS))), np.zeros((seeds, len(ARMS))), np.arange(seeds)
    for t in range(horizon):
        with np.errstate(divide="ignore", invalid="ignore"):
            index = total / plays + np.sqrt(2 * np.log(max(t, 1)) / plays)
        arm = np.where(np.isnan(index), np.inf, index).argmax(1)
        plays[row, arm] += 1
        total[row, arm] += rng.random(seeds) < ARMS[arm]
    return plays


def margin_sklearn(x: np.ndarray, y: np.ndarray, labels: int, rng: np.random.Generator) -> float:
    """Margin sampling with a refit a round, one seed; returns the held-out accuracy."""
    order = rng.permutation(len(x))
    test, pool = order[: len(x) // 4], list(order[len(x) // 4 :])
    bought = [pool.pop() for _ in range(10)]
    while len(bought) < labels:
        model = LogisticRegression(C=1.0, max_iter=200).fit(x[bought], y[bought])
        p = np.sort(model.predict_proba(x[pool]), 1)
        bought.append(pool.pop(int(np.argmin(p[:, -1] - p[:, -2] if p.shape[1] > 1 else p[:, -1]))))
    return float((model.predict(x[test]) == y[test]).mean())


def interleaved(jobs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each job, run in turn."""
    seen: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(repeats):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            seen[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seen.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    quick = parser.parse_args().quick
    seeds, horizon, repeats = (50, 100, 1) if quick else (1000, 2000, 3)
    bandit, ucb1 = al.BernoulliBandit(jnp.asarray(ARMS)), {"ucb1": al.ucb1(len(ARMS))}
    key, rng = jax.random.key(0), np.random.default_rng(0)
    draw = jax.jit(lambda k: jax.random.bits(k, (seeds * horizon, len(ARMS) + 7)).sum())
    times = interleaved(
        {
            "altheory": lambda: al.study(ucb1, bandit, key, horizon=horizon, seeds=seeds),
            "numpy, vectorised over seeds": lambda: ucb1_numpy(seeds, horizon, rng),
            "random bits alone": lambda: draw(key).block_until_ready(),
        },
        repeats,
    )
    report(f"UCB1, {len(ARMS)} arms, {seeds} seeds x {horizon} rounds", times, seeds * horizon, "pull")

    x, y = load_digits(return_X_y=True)
    x, labels, runs = x / 16 * 2, 20 if quick else 60, 2 if quick else 100
    pool = al.LabelPool(x, y, held_out=0.25)
    policy = {"margin": al.Argmax(al.logistic(64, 10, capacity=labels), al.margin_score)}
    ours = interleaved(
        {"altheory": lambda: al.study(policy, pool, key, horizon=labels, seeds=runs, record=(al.accuracy,))}, repeats
    )
    peer = interleaved({"scikit-learn, one seed": lambda: margin_sklearn(x, y, labels, rng)}, 1)
    each = {"altheory": ours["altheory"] / runs, "scikit-learn": peer["scikit-learn, one seed"]}
    report(f"margin sampling on digits, {labels} labels, per seed ({runs} seeds at once)", each, labels, "label")


def report(title: str, times: dict[str, float], units: int, unit: str) -> None:
    """Print seconds, nanoseconds a unit, and the ratio to ours."""
    print(f"\n{title}")
    for name, seconds in times.items():
        per = seconds / units * 1e9
        print(f"  {name:32} {seconds:9.4f} s  {per:14,.0f} ns a {unit}  {seconds / times['altheory']:8.2f} x ours")


if __name__ == "__main__":
    main()
