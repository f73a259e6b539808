"""Time D-optimal designs beside two cone solvers and a plain numpy Frank-Wolfe, and beside the machine.

Every row is one Gaussian pool (float32), one gap and the median of a few runs of ours; a peer that would not finish
within `--cap` seconds, judged by its time on a smaller pool or by its own clock, is skipped and says so. The
machine's limit is the time of one float32 matrix product over the pool, measured here, times the passes that were
needed. Sizes: N = 1e3, 1e4, 1e5 (1e6 for ours with `--full`), d = 16 and 64; `--smoke` does the smallest,
`--headline` N = 4e3, d = 16 with every peer.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import altheory.designs as designs
from altheory.designs.active_set import Solution, solve_active_set
from altheory.designs.assemble import assemble
from altheory.designs.pool import as_pool
from altheory.designs.threads import few_threads

GAPS = (1e-2, 1e-6)
NOTHING = dict.fromkeys(("c", "targets", "parts", "prior", "noise", "information", "prices", "budget"))


class Row(NamedTuple):
    """One line of the table; None where a peer was skipped."""

    items: int
    d: int
    gap: float
    ours: float
    passes: int
    limit: float
    peers: dict[str, float | None]


def timed(work: Callable[[], object], repeats: int) -> float:
    """The median seconds of some runs, after one to warm up."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def numpy_frank_wolfe(x: np.ndarray, gap: float, cap: float) -> float | None:
    """Seconds of textbook Frank-Wolfe with rank-one updates in float64, or None once past the cap."""
    began = time.perf_counter()
    n, d = x.shape
    w = np.full(n, 1 / n)
    inverse = np.linalg.inv(x.T @ x / n)
    leverage = np.einsum("ij,ij->i", x @ inverse, x)
    step = 0
    while (g := leverage.max()) > (1 + gap) * d:
        if time.perf_counter() - began > cap:
            return None
        i = int(np.argmax(leverage))
        gamma = (g / d - 1) / (g - 1)
        w *= 1 - gamma
        w[i] += gamma
        step += 1
        if step % 50 == 0:
            inverse = np.linalg.inv((x * w[:, None]).T @ x)
            leverage = np.einsum("ij,ij->i", x @ inverse, x)
            continue
        ratio = gamma / (1 - gamma)
        u = inverse @ x[i]
        shrink = ratio / (1 + ratio * g)
        inverse = (inverse - shrink * np.outer(u, u)) / (1 - gamma)
        leverage = (leverage - shrink * (x @ u) ** 2) / (1 - gamma)
    return time.perf_counter() - began


def cone(x: np.ndarray, gap: float, solver: str) -> float:
    """Seconds of cvxpy with one solver, its tolerances set so that the certified gap is met."""
    import cvxpy as cp

    began = time.perf_counter()
    w = cp.Variable(len(x), nonneg=True)
    task = cp.Problem(cp.Maximize(cp.log_det(x.T @ cp.diag(w) @ x)), [cp.sum(w) == 1])
    tight = gap / 10
    options = (
        {"tol_gap_abs": tight, "tol_gap_rel": tight, "tol_feas": tight}
        if solver == "CLARABEL"
        else {"eps_abs": tight, "eps_rel": tight, "max_iters": 1_000_000}
    )
    task.solve(solver=solver, **options)
    return time.perf_counter() - began


def passes(x: np.ndarray, gap: float) -> int:
    """How often the active set reads the whole pool (once to whiten and check, once to certify)."""
    made = assemble(x, "d", **NOTHING)
    found: Solution = solve_active_set(made.problem, made.master, tol=gap)
    return found.passes + 4


def one_product(x: np.ndarray) -> float:
    """Seconds of one float32 pass: the matrix product that leverages need, chunk by chunk."""
    pool, root = as_pool(x), np.eye(x.shape[1])
    with few_threads(0):
        return timed(lambda: pool.quadratic(root, exact=False), 3)


def measure(items: int, d: int, cap: float, slow: dict[str, float], *, alone: bool) -> list[Row]:
    """Both gaps on one pool."""
    x = np.random.default_rng(items + d).standard_normal((items, d), dtype=np.float32)
    rows = []
    for gap in GAPS:
        designs.d_optimal(x[: 50 * d], tol=gap)
        ours = timed(lambda gap=gap: designs.d_optimal(x, tol=gap), 1 if items > 1e5 else 5)
        peers: dict[str, float | None] = {}
        for name in () if alone else ("CLARABEL", "SCS"):
            # a cone solver's time grows at least in proportion to the pool and faster than d^3
            guess = slow.get(f"{name}{gap}", 0.0) * items * d**3
            peers[name] = None if guess > cap else cone(x.astype(np.float64), gap, name)
            if peers[name] is not None:
                slow[f"{name}{gap}"] = max(slow.get(f"{name}{gap}", 0.0), peers[name] / (items * d**3))
        if not alone:
            peers["Frank-Wolfe"] = numpy_frank_wolfe(x.astype(np.float64), gap, cap)
        count = passes(x, gap)
        rows.append(Row(items, d, gap, ours, count, count * one_product(x) / ours, peers))
        show(rows[-1])
    return rows


def show(row: Row) -> None:
    """Print one line."""
    peers = "  ".join(
        f"{name} skipped" if s is None else f"{name} {s:.3g} s ({s / row.ours:.3g}x)" for name, s in row.peers.items()
    )
    print(
        f"N={row.items:<8} d={row.d:<3} gap={row.gap:.0e}  ours {row.ours:.3g} s, {row.passes} passes, "
        f"{100 * row.limit:.0f}% of the time is the passes' limit   {peers}",
        flush=True,
    )


def main() -> None:
    """Run the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cap", type=float, default=60.0, help="seconds a peer may take")
    parser.add_argument("--full", action="store_true", help="add N = 1e6 for ours")
    parser.add_argument("--smoke", action="store_true", help="the smallest size only")
    parser.add_argument("--headline", action="store_true", help="only N = 4e3, d = 16, every peer to the end")
    chosen = parser.parse_args()
    slow: dict[str, float] = {}
    if chosen.headline:
        measure(4_000, 16, 1e9, slow, alone=False)
        return
    for d in (16,) if chosen.smoke else (16, 64):
        for items in (1_000,) if chosen.smoke else (1_000, 10_000, 100_000):
            measure(items, d, chosen.cap, slow, alone=False)
        if chosen.full:
            measure(1_000_000, d, chosen.cap, slow, alone=True)


if __name__ == "__main__":
    main()
