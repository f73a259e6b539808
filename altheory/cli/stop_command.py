"""`altheory stop`: whether to stop buying labels, from a user's own recorded curve."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from rich.console import Console

import altheory as al
from altheory.core.check import positive, within
from altheory.plot.figure import StudyFigure
from altheory.sim.blocks import atomic
from altheory.sim.manifest import describe, manifest
from altheory.stopping.optimum import Outlay
from altheory.stopping.replay import remembered

LEVELS = (0.05, 0.95)
AHEAD = 100.0
"""How many times the labels bought the prediction looks ahead."""


def run_stop(
    path: Path,
    *,
    label_price: float | None,
    error_cost: float,
    uses: float,
    doubt: float,
    policy: str | None,
    out: Path,
    console: Console,
) -> list[Path]:
    """Decide, print the reasons, write the prediction, the numbers and the figure; returns the files."""
    for name, value in (("--error-cost", error_cost), ("--uses", uses), ("--label-price", label_price)):
        if value is not None:
            positive(name, value)
    within("--doubt", doubt, 0, 1)
    trace = read_trace(path, policy, label_price)
    rule = al.CostOptimum(error_cost * uses, doubt)
    columns = {name: trace[name].to_numpy(np.float32) for name in rule.reads}
    memory = remembered(rule, columns)
    said = np.asarray(al.replay(rule, columns))
    found = findings(rule, memory, trace, label_price, said)
    ahead = prediction(memory, trace, float(rule.stake), found["price of a label"])
    best = ahead.loc[ahead["total"].idxmin()]
    found |= {
        "predicted optimum, labels": round(float(best["labels"])),
        "predicted optimum, total": float(best["total"]),
    }
    config = {
        "trace": describe(trace.to_numpy()),
        "stake": float(rule.stake),
        "doubt": doubt,
        "label price": label_price,
    }
    made = manifest(config)
    say(console, found)
    return write(out, trace, ahead, found, made)


def read_trace(path: Path, policy: str | None, label_price: float | None) -> pd.DataFrame:
    """Columns `labels`, `error` and `spent`, a row for each number of labels (rows of the same number are averaged).

    Raises `ValueError` or `FileNotFoundError` with a sentence.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file")
    if path.suffix == ".csv":
        table = pd.read_csv(path)
    elif path.suffix == ".parquet":
        table = pd.read_parquet(path)
    elif path.suffix == ".nc":
        table = _from_netcdf(path, policy)
    else:
        raise ValueError(f"{path} must end in .csv, .parquet or .nc")
    for name in ("labels", "accuracy"):
        if name not in table:
            raise ValueError(f"{path} has no column {name!r}; it has {', '.join(map(str, table.columns))}")
    if "cost" not in table and label_price is None:
        raise ValueError(f"--label-price is needed, as {path} has no column 'cost' of the money spent so far")
    rows = pd.DataFrame({name: _numbers(path, table, name) for name in ("labels", "accuracy")})
    within(f"the accuracy in {path}", rows["accuracy"].to_numpy(), 0, 1)
    rows["spent"] = _numbers(path, table, "cost") if "cost" in table else rows["labels"] * float(label_price or 0)
    rows = rows.groupby("labels", as_index=False).mean().sort_values("labels", ignore_index=True)
    if (rows["labels"] < 0).any() or (rows["labels"] >= 1).sum() < 3:
        raise ValueError(f"{path} must have accuracy at three or more numbers of labels, counted from 1")
    if (np.diff(rows["spent"]) < 0).any():
        raise ValueError(f"the cost in {path} must be the money spent so far, and it falls with more labels: add it up")
    return rows.assign(error=1 - rows["accuracy"])


def _from_netcdf(path: Path, policy: str | None) -> pd.DataFrame:
    """A trace over `round`, or a saved study: seeds averaged, labels and cost added up over rounds."""
    with xr.open_dataset(path, engine="h5netcdf") as file:
        data = file.load()
    if "accuracy" not in data or "round" not in data["accuracy"].dims:
        raise ValueError(f"{path} has no accuracy over rounds; it has {', '.join(map(str, data.data_vars))}")
    if "policy" in data.dims:
        known = [str(p) for p in data["policy"].values]
        if policy is None and len(known) > 1:
            raise ValueError(f"{path} holds {len(known)} policies: choose one with --policy, of {', '.join(known)}")
        if policy is not None and policy not in known:
            raise ValueError(f"{path} has no policy {policy!r}: choose one of {', '.join(known)}")
        data = data.sel(policy=policy or known[0])
    keep = [name for name in ("accuracy", "labels", "cost") if name in data]
    mean = data[keep].astype(np.float64)
    mean = mean.mean("seed") if "seed" in mean.dims else mean
    a_study = "manifest" in data.attrs
    table = {"accuracy": mean["accuracy"].values, "labels": data["round"].values.astype(np.float64)}
    for name in ("labels", "cost"):
        if name in mean:
            table[name] = mean[name].cumsum("round").values if a_study else mean[name].values
    return pd.DataFrame(table)


def _numbers(path: Path, table: pd.DataFrame, name: str) -> np.ndarray:
    values = pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        shown = table[name].iloc[bad[0]]
        raise ValueError(f"{path} has {shown!r} for {name} in row {bad[0]}: every row needs a finite number")
    return values


def findings(
    rule: al.CostOptimum, memory: Outlay, trace: pd.DataFrame, label_price: float | None, said: np.ndarray
) -> dict[str, Any]:
    """The decision and the numbers behind it."""
    stake, last = float(rule.stake), trace.iloc[-1]
    price = label_price if label_price is not None else float(rule.price(memory))
    step = float(memory.step)
    chance = float(memory.curve.falls_by(step * price / stake, step))
    now = float(memory.curve.predict(last["labels"]))
    return {
        "stop": chance <= float(rule.doubt),
        "labels": float(last["labels"]),
        "measured error": float(last["error"]),
        "fitted error": now,
        "next labels": step,
        "price of a label": price,
        "next labels cost": step * price,
        "expected saving": stake * float(memory.curve.fall(step)),
        "chance that they pay": chance,
        "doubt": float(rule.doubt),
        "spent": float(last["spent"]),
        "cost of errors": stake * now,
        "first said at": float(trace["labels"].iloc[int(said.argmax())]) if said.any() else None,
    }


def prediction(memory: Outlay, trace: pd.DataFrame, stake: float, price: float) -> pd.DataFrame:
    """The error and the total cost from here on: means, and 90 % intervals of the error."""
    now, spent = trace["labels"].iloc[-1], trace["spent"].iloc[-1]
    labels = np.unique(np.rint(now * np.geomspace(1, AHEAD, 200)))
    curve = memory.curve
    error = np.asarray(curve.predict(labels), np.float64)
    drawn = np.asarray(curve.draw(jnp.asarray(labels, curve.mean.dtype), jax.random.key(0), 2000))
    low, high = np.quantile(drawn, LEVELS, axis=0)
    total = spent + price * (labels - now) + stake * error
    return pd.DataFrame({"labels": labels, "error": error, "low": low, "high": high, "total": total})


def say(console: Console, found: dict[str, Any]) -> None:
    """Print the decision and the reasons, a line each."""
    f = found
    verdict = "stop" if f["stop"] else "go on"
    lines = [
        f"{verdict}: the next {f['next labels']:g} labels cost {f['next labels cost']:.4g} and are expected to save "
        f"{f['expected saving']:.4g}; they pay with probability {f['chance that they pay']:.2f}, and the rule stops at "
        f"{f['doubt']:g}",
        f"now: {f['labels']:g} labels, error {f['measured error']:.4f} (fitted {f['fitted error']:.4f}); spent "
        f"{f['spent']:.4g}, errors would cost {f['cost of errors']:.4g}",
        f"predicted optimum: {f['predicted optimum, labels']} labels, {f['predicted optimum, total']:.4g} in all, "
        f"against {f['spent'] + f['cost of errors']:.4g} now",
    ]
    if f["stop"] and f["first said at"] is not None and f["first said at"] < f["labels"]:
        lines.append(f"the rule first said so at {f['first said at']:g} labels")
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def draw(trace: pd.DataFrame, ahead: pd.DataFrame, found: dict[str, Any], made: dict[str, Any]) -> StudyFigure:
    """Left the error, measured and predicted with its interval; right the total cost."""
    best = found["predicted optimum, labels"]
    ahead = ahead[ahead["labels"] <= max(10 * found["labels"], 3 * best)]
    figure = StudyFigure(figsize=(9.0, 3.8), layout="constrained")
    figure.manifest = made
    left, right = figure.subplots(1, 2)
    seen = trace[trace["labels"] >= 1]
    left.plot(seen["labels"], seen["error"], "o", markersize=3, color="#000000", label="measured")
    left.plot(ahead["labels"], ahead["error"], color="#0072B2", label="predicted")
    left.fill_between(ahead["labels"], ahead["low"], ahead["high"], color="#0072B2", alpha=0.18, linewidth=0)
    left.set_ylabel("error; band: 90 % of curves")
    left.set_ylim(bottom=0)
    right.plot(ahead["labels"], ahead["total"], color="#D55E00", label="labels and errors, predicted")
    right.set_ylabel("total cost")
    for axes in (left, right):
        axes.axvline(found["labels"], color="#000000", linewidth=0.8, linestyle=":", label="now")
        axes.axvline(best, color="#009E73", linewidth=0.8, linestyle="--", label="predicted optimum")
        axes.set_xscale("log")
        axes.set_xlabel("labels")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, linewidth=0.6)
        axes.legend(fontsize=8, frameon=False)
    right.set_xlim(left.get_xlim())
    figure.suptitle("stop" if found["stop"] else "go on", fontsize=11)
    return figure


def write(
    out: Path, trace: pd.DataFrame, ahead: pd.DataFrame, found: dict[str, Any], made: dict[str, Any]
) -> list[Path]:
    """The numbers, the prediction and the figure."""
    figure = draw(trace, ahead, found, made)
    files = [out / name for name in ("stop.json", "curve.csv", "stop.png", "stop.svg")]
    with atomic(files[0]) as temporary:
        temporary.write_text(json.dumps({"decision": found, "manifest": made}, indent=1, sort_keys=True))
    with atomic(files[1]) as temporary:
        temporary.write_text(ahead.to_csv(index=False))
    for path in files[2:]:
        with atomic(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:])
    return files
