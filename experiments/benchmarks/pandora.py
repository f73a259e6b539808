"""Reservation values of many boxes and Gittins tables, beside peers in scipy and numpy on the same machine.

`python experiments/benchmarks/pandora.py [--smoke]` prints seconds after compiling, the peer's, and their ratio.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from scipy import stats

import altheory as al


def best_of(call: Callable[[], Any], repeats: int) -> float:
    """The least seconds of a few calls, after one that compiles."""
    jax.block_until_ready(call())
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(call())
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def bisected(mean: np.ndarray, sd: np.ndarray, price: np.ndarray, steps: int = 30) -> np.ndarray:
    """The peer: bisection on scipy's normal law, all boxes at once, to float32's precision."""
    low, high = mean - price - 5 * sd, mean + 40 * sd
    for _ in range(steps):
        k = (low + high) / 2
        z = (mean - k) / sd
        over = sd * (z * stats.norm.cdf(z) + stats.norm.pdf(z)) > price
        low, high = np.where(over, k, low), np.where(over, high, k)
    return (low + high) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="small sizes, a few seconds")
    smoke = parser.parse_args().smoke
    n, limit, repeats = (10_000, 20, 1) if smoke else (1_000_000, 200, 5)
    rng = np.random.default_rng(0)
    mean, sd, price = (x.astype(np.float32) for x in (rng.normal(size=n), *rng.exponential(size=(2, n)) + 1e-3))
    prize, paid = al.GaussianPrize(mean, sd), jax.numpy.asarray(price)
    part = slice(None, max(n // 20, 1))
    own = best_of(lambda: al.reservation_value(prize, paid), repeats)
    peer = best_of(lambda: bisected(mean[part], sd[part], price[part]), 1) * (n / len(mean[part]))
    print(f"{n:,} Gaussian reservation values: {own:.4f} s; scipy bisection {peer:.2f} s; {peer / own:.0f}x")
    for discount in (0.9, 0.99) if smoke else (0.5, 0.9, 0.99, 0.999):
        own = best_of(lambda d=discount: al.bernoulli_gittins(limit, d).index, min(repeats, 3))
        print(f"Beta table, a + b <= {limit}, discount {discount:g}: {own:.3f} s")
        own = best_of(lambda d=discount: al.gaussian_gittins(limit, d).index, 1)
        print(f"Gaussian table, {limit} pulls, discount {discount:g}: {own:.3f} s")
    for states in (20,) if smoke else (200, 1000):
        move, pay = rng.dirichlet(np.ones(states), states), rng.normal(size=states)
        own = best_of(lambda m=move, p=pay: al.gittins_index(m, p, 0.9), min(repeats, 3))
        print(f"Gittins indices of {states} states: {own:.4f} s")


if __name__ == "__main__":
    main()
