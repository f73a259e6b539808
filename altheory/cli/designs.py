"""`altheory design`: pick items from a pool, with a certificate."""

import json
from pathlib import Path

import numpy as np
from rich.console import Console

import altheory as al
from altheory.plot.figure import canvas
from altheory.sim.blocks import atomic
from altheory.sim.manifest import describe, manifest


def run_design(
    pool: Path,
    *,
    criterion: str,
    n: int,
    tol: float,
    targets: Path | None,
    prices: Path | None,
    budget: float | None,
    out: Path,
    console: Console,
) -> list[Path]:
    """Solve the design, round it to n observations, write items, weights, certificate and figure."""
    x = _array(pool, 2, memory_map=True)
    goal = None if targets is None else _array(targets, 2)
    cost = None if prices is None else _array(prices, 1)
    if budget is not None and cost is None:
        raise ValueError("--budget needs --prices: give a .npy of one price for each item")
    if criterion == "c":
        if goal is None or goal.shape[0] != 1:
            raise ValueError("--criterion c needs --targets with one row, the contrast to estimate")
        design = al.optimal_design(x, "c", tol=tol, c=goal[0], prices=cost, budget=budget)
    else:
        design = al.optimal_design(x, criterion, tol=tol, targets=goal, prices=cost, budget=budget)
    counts = _affordable(design, n, cost, budget)
    config = {"pool": describe(np.asarray(design.information)), "items": len(design.weights), "criterion": criterion}
    made = manifest({**config, "n": n, "tol": tol, "budget": budget})
    certificate = {
        "criterion": criterion, "value": design.value, "gap": design.gap, "tolerance": tol, "rank": design.rank,
        "support": len(design.support), "status": design.status, "solver": design.solver, "n": int(counts.sum()),
        "exact efficiency": 1 / design.efficiency(counts / counts.sum()),
    }  # fmt: skip
    _say(console, certificate, counts, cost)
    return _write(out, design, counts, certificate, made)


def _affordable(design: al.Design, n: int, cost: np.ndarray | None, budget: float | None) -> np.ndarray:
    """At most n observations that together cost at most n times the budget: rounding may spend more than weights do."""
    counts = al.round_design(design, n)
    if cost is None or budget is None:
        return counts
    for fewer in range(n, 0, -1):
        counts = al.round_design(design, fewer)
        if counts @ cost <= n * budget * (1 + 1e-12):
            return counts
    raise ValueError(f"--budget {budget:g} a piece does not pay for a single rounded design: raise it or -n")


def _array(path: Path, dims: int, *, memory_map: bool = False) -> np.ndarray:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file")
    if path.suffix != ".npy":
        raise ValueError(f"{path} must be a .npy array")
    x = np.load(path, allow_pickle=False, mmap_mode="r" if memory_map else None)
    if x.ndim != dims:
        raise ValueError(f"{path} must have {dims} axes; its shape is {x.shape}")
    return x


def _say(console: Console, certificate: dict[str, object], counts: np.ndarray, cost: np.ndarray | None) -> None:
    c = certificate
    console.print(
        f"{c['criterion']}-optimal design: value {c['value']:.6g}, certified gap {c['gap']:.2e} "
        f"(asked {c['tolerance']:g}), {c['support']} items in its support, {c['status']}",
        highlight=False,
    )
    money = "" if cost is None else f", for {float(counts @ cost):g} in money"
    console.print(
        f"{c['n']} observations on {int((counts > 0).sum())} items{money}; "
        f"efficiency against the design {c['exact efficiency']:.4f}",
        highlight=False,
    )


def _write(
    out: Path, design: al.Design, counts: np.ndarray, certificate: dict[str, object], made: dict[str, object]
) -> list[Path]:
    picked = np.flatnonzero(counts)
    figure, axes = canvas(made)
    design.plot(ax=axes)
    files = [out / "items.csv", out / "weights.npy", out / "certificate.json", out / "design.png", out / "design.svg"]
    with atomic(files[0]) as temporary:
        rows = "".join(f"{i},{counts[i]},{design.weights[i]:.9g}\n" for i in picked)
        temporary.write_text("item,observations,weight\n" + rows)
    with atomic(files[1]) as temporary:
        np.save(temporary, design.weights)
    with atomic(files[2]) as temporary:
        temporary.write_text(json.dumps({"certificate": certificate, "manifest": made}, indent=1, sort_keys=True))
    for path in files[3:]:
        with atomic(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:])
    return files
