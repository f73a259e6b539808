"""Time D-optimal designs beside two cone solvers and a plain numpy Frank-Wolfe, and beside the machine.

Every row is one Gaussian pool (float32), one gap and the median of a few runs of ours; a peer that would not finish
within `--cap` seconds, judged by its time on a smaller pool or by its own clock, is skipped and says so. The
machine's limit is the time of one float32 matrix product over the pool, measured here, times the passes that were
needed. Times are of the clock, and in brackets of the processors, which a busy machine disturbs less. Sizes: N = 1e3,
1e4, 1e5 (1e6 for ours with `--full`), d = 16 and 64; `--smoke` does the smallest, `--headline` N = 4e3, d = 16,
`--large` the largest pools, each in a process of its own, with the memory it took.
"""

import argparse
import contextlib
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import altheory.designs as designs
from altheory.designs.active_set import Solution, solve_active_set
from altheory.designs.assemble import assemble
from altheory.designs.pool import as_pool
from altheory.designs.threads import few_threads

GAPS = (1e-2, 1e-6)
LARGE = ((130_000, 128), (250_000, 64), (500_000, 64), (1_000_000, 64), (1_000_000, 32))
NOTHING = dict.fromkeys(("c", "targets", "parts", "prior", "noise", "information", "prices", "budget"))


class Seconds(NamedTuple):
    """Of the clock and of the processors."""

    clock: float
    processors: float


class Row(NamedTuple):
    """One line of the table; None where a peer was skipped."""

    items: int
    d: int
    gap: float
    ours: Seconds
    passes: int
    limit: float
    peers: dict[str, "Peer | None"]


class Peer(NamedTuple):
    """What a peer took, and the gap that its weights certify."""

    seconds: Seconds
    gap: float


def timed(work: Callable[[], object], repeats: int = 1) -> Seconds:
    """The median seconds of some runs."""
    clock, processors = [], []
    for _ in range(repeats):
        began, worked = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - began)
        processors.append(time.process_time() - worked)
    return Seconds(statistics.median(clock), statistics.median(processors))


def numpy_frank_wolfe(x: np.ndarray, gap: float, cap: float) -> bool:
    """Textbook Frank-Wolfe with rank-one updates in float64; False once past the cap."""
    began = time.perf_counter()
    n, d = x.shape
    w = np.full(n, 1 / n)
    inverse = np.linalg.inv(x.T @ x / n)
    leverage = np.einsum("ij,ij->i", x @ inverse, x)
    step = 0
    while (g := leverage.max()) > (1 + gap) * d:
        if time.perf_counter() - began > cap:
            return False
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
    return True


def cone(x: np.ndarray, gap: float, solver: str, cap: float) -> float:
    """Solve by cvxpy with one solver, its tolerances a tenth of the gap; the gap its weights certify, infinite where it
    gave up. Of three ways to write the problem this one is compiled fastest.
    """
    import cvxpy as cp

    w = cp.Variable(len(x), nonneg=True)
    scaled = cp.multiply(cp.reshape(w, (len(x), 1), order="C"), x)
    task = cp.Problem(cp.Maximize(cp.log_det(x.T @ scaled)), [cp.sum(w) == 1])
    tight = gap / 10
    options = (
        {"tol_gap_abs": tight, "tol_gap_rel": tight, "tol_feas": tight, "time_limit": cap}
        if solver == "CLARABEL"
        else {"eps_abs": tight, "eps_rel": tight, "max_iters": 1_000_000, "time_limit_secs": cap}
    )
    with warnings.catch_warnings(), contextlib.suppress(cp.error.SolverError):
        warnings.simplefilter("ignore")
        task.solve(solver=solver, **options)
    if w.value is None:
        return np.inf
    share = np.maximum(w.value, 0) / np.maximum(w.value, 0).sum()
    inverse = np.linalg.inv((x * share[:, None]).T @ x)
    return float(np.einsum("ij,ij->i", x @ inverse, x).max()) / x.shape[1] - 1


def passes(x: np.ndarray, gap: float) -> int:
    """How often the active set reads the whole pool (once to whiten and check, once to certify)."""
    made = assemble(x, "d", **NOTHING)
    found: Solution = solve_active_set(made.problem, made.master, tol=gap)
    return found.passes + 4


def one_product(x: np.ndarray) -> float:
    """Seconds of one float32 pass: the matrix product that leverages need, chunk by chunk."""
    pool, root = as_pool(x), np.eye(x.shape[1])
    with few_threads(0):
        return timed(lambda: pool.quadratic(root, exact=False), 3).clock


def measure(items: int, d: int, cap: float, slow: dict[str, float], *, alone: bool) -> list[Row]:
    """Both gaps on one pool."""
    x = np.random.default_rng(items + d).standard_normal((items, d), dtype=np.float32)
    rows = []
    for gap in GAPS:
        designs.d_optimal(x[: 50 * d], tol=gap)
        ours = timed(lambda gap=gap: designs.d_optimal(x, tol=gap), 1 if items > 1e5 else 5)
        peers: dict[str, Peer | None] = {}
        double = None if alone else x.astype(np.float64)
        for name in () if alone else ("CLARABEL", "SCS"):
            # a cone solver's time grows at least in proportion to the pool and faster than d^3
            guess = slow.get(f"{name}{gap}", 0.0) * items * d**3
            found: list[float] = []
            if guess <= cap:
                taken = timed(lambda n=name, g=gap, z=double, f=found: f.append(cone(z, g, n, cap)))
                slow[f"{name}{gap}"] = max(slow.get(f"{name}{gap}", 0.0), taken.clock / (items * d**3))
            peers[name] = Peer(taken, found[0]) if found and np.isfinite(found[0]) else None
        if not alone:
            done: list[bool] = []
            taken = timed(lambda g=gap, z=double, seen=done: seen.append(numpy_frank_wolfe(z, g, cap)))
            peers["Frank-Wolfe"] = Peer(taken, gap) if done[0] else None
        count = passes(x, gap)
        rows.append(Row(items, d, gap, ours, count, count * one_product(x) / ours.clock, peers))
        show(rows[-1])
    return rows


def show(row: Row) -> None:
    """Print one line."""
    peers = "  ".join(
        f"{name} skipped"
        if s is None
        else f"{name} {s.seconds.clock:.3g} s ({s.seconds.clock / row.ours.clock:.3g}x) "
        f"[{s.seconds.processors / row.ours.processors:.3g}x]" + (f", gap {s.gap:.0e}" if s.gap > row.gap else "")
        for name, s in row.peers.items()
    )
    print(
        f"N={row.items:<8} d={row.d:<3} gap={row.gap:.0e}  ours {row.ours.clock:.3g} s [{row.ours.processors:.3g} s], "
        f"{row.passes} passes, {100 * row.limit:.0f}% of the time is the passes' limit   {peers}",
        flush=True,
    )


def large(items: int, d: int) -> None:
    """One large pool to a gap of 1e-6: seconds, and the memory at the peak over that of the pool."""
    x = np.random.default_rng(items + d).standard_normal((items, d), dtype=np.float32)
    designs.d_optimal(x[: 50 * d])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found: list[designs.Design] = []
    taken = timed(lambda: found.append(designs.d_optimal(x, tol=1e-6)))
    more = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    count = passes(x, 1e-6)
    limit = count * one_product(x) / taken.clock
    print(
        f"N={items:<8} d={d:<3} gap={found[0].gap:.1e}  ours {taken.clock:.3g} s [{taken.processors:.3g} s], "
        f"memory {1 + more / x.nbytes:.2f} of the pool's, {count} passes, "
        f"{100 * limit:.0f}% of the time is the passes' limit",
        flush=True,
    )


def main() -> None:
    """Run the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cap", type=float, default=60.0, help="seconds a peer may take")
    parser.add_argument("--full", action="store_true", help="add N = 1e6 for ours")
    parser.add_argument("--smoke", action="store_true", help="the smallest size only")
    parser.add_argument("--headline", action="store_true", help="only N = 4e3, d = 16")
    parser.add_argument("--large", action="store_true", help="only the largest pools, ours alone, with their memory")
    parser.add_argument("--one", nargs=2, type=int, metavar=("N", "d"), help="one large pool, in this process")
    chosen = parser.parse_args()
    slow: dict[str, float] = {}
    if chosen.one:
        large(*chosen.one)
        return
    if chosen.large:
        for items, d in LARGE:
            subprocess.run([sys.executable, __file__, "--one", str(items), str(d)], check=True)
        return
    if chosen.headline:
        measure(4_000, 16, chosen.cap, slow, alone=False)
        return
    for d in (16,) if chosen.smoke else (16, 64):
        for items in (1_000,) if chosen.smoke else (1_000, 10_000, 100_000):
            measure(items, d, chosen.cap, slow, alone=False)
        if chosen.full:
            measure(1_000_000, d, chosen.cap, slow, alone=True)


if __name__ == "__main__":
    main()
