"""`study`: policies x seeds against an oracle, kept with everything needed to make it again."""

import functools
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import xarray as xr

from altheory.core import Key
from altheory.core.check import at_least
from altheory.core.status import sentences
from altheory.core.version import __version__
from altheory.sim.agree import check_agreement
from altheory.sim.blocks import Store, atomic, block_size, run_blocks
from altheory.sim.manifest import config_hash, describe, manifest
from altheory.sim.metrics import Metric, regret

Progress = Callable[[str, int, int], None]
"""Called with a policy's name, the seeds done and the seeds in all."""


@dataclass(frozen=True)
class Study:
    """Results of a study: `data` with dims policy, seed, round, and the `manifest` it can be made again from.

    `policies` and `oracle` are there for `check` and plots of bounds; a study read from a file has them after `bind`.
    """

    data: xr.Dataset
    manifest: dict[str, Any]
    policies: Mapping[str, Any] | None = field(default=None, repr=False)
    oracle: Any = field(default=None, repr=False)

    def cumulative(self, name: str) -> xr.DataArray:
        """A metric summed over rounds, in float64."""
        return self.data[name].astype(np.float64).cumsum("round")

    def final(self, name: str) -> pd.DataFrame:
        """Mean, standard error, and the 5 % and 95 % quantiles over seeds of a metric in the last round."""
        return summarise(self.data[name].isel(round=-1))

    def raise_for_status(self) -> None:
        """Raise `RuntimeError` where a run carries a status bit, with what each bit means and how many seeds had it."""
        found = []
        for name in self.data.policy.values:
            bits = self.data["status"].sel(policy=name).values
            for bit in (1 << i for i in range(31)):
                hit = int(((bits & bit) > 0).sum())
                if hit:
                    found += [f"{name}, {hit} of {bits.size} seeds: {text}" for text in sentences(bit)]
        if found:
            raise RuntimeError("; ".join(found))

    def bind(self, policies: Mapping[str, Any], oracle: Any) -> "Study":
        """The same study with the objects it was run with; raises `ValueError` where they are not the same."""
        config = self.manifest["config"]
        if config["oracle"] != describe(oracle) or config["policies"] != {k: describe(p) for k, p in policies.items()}:
            raise ValueError("these policies and this oracle are not the ones the study was run with")
        return Study(self.data, self.manifest, dict(policies), oracle)

    def save(self, path: str | Path) -> Path:
        """Write one netCDF file, whole or not at all."""
        data = self.data.assign_attrs(manifest=json.dumps(self.manifest, sort_keys=True))
        with atomic(Path(path)) as temporary:
            data.to_netcdf(temporary, engine="h5netcdf")
        return Path(path)

    @staticmethod
    def load(path: str | Path) -> "Study":
        """Read a study; warns where another version of altheory made it."""
        with xr.open_dataset(path, engine="h5netcdf") as file:
            data = file.load()
        made = json.loads(data.attrs.pop("manifest"))
        if made["altheory"] != __version__:
            warnings.warn(
                f"{path} was made by altheory {made['altheory']}; this is {__version__}, which may not "
                "reproduce it bit for bit",
                stacklevel=2,
            )
        return Study(data, made)


def summarise(last: xr.DataArray) -> pd.DataFrame:
    """Mean, standard error and 5 % and 95 % quantiles over seeds, a row a policy."""
    values = last.transpose("policy", "seed").values.astype(np.float64)
    error = values.std(1, ddof=1) / np.sqrt(values.shape[1]) if values.shape[1] > 1 else np.full(len(values), np.nan)
    low, high = np.quantile(values, [0.05, 0.95], axis=1)
    table = {"mean": values.mean(1), "standard error": error, "5 %": low, "95 %": high}
    return pd.DataFrame(table, index=pd.Index(last.policy.values, name="policy"))


def study(
    policies: Mapping[str, Any],
    oracle: Any,
    key: Key,
    *,
    horizon: int,
    seeds: int,
    record: Sequence[Metric] = (regret,),
    block: int | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
    note: Mapping[str, Any] | None = None,
) -> Study:
    """Run every policy against the oracle on the same `seeds` seeds of `horizon` rounds.

    Seeds run in blocks (vmapped, sharded over all devices and processes). With `checkpoint`, a folder, finished
    blocks are kept there, and a study that was interrupted goes on from them. `note` (JSON values) joins the
    configuration. Raises `ValueError` on an empty dict, sizes below 1, or a policy that does not fit the oracle.
    """
    if not policies:
        raise ValueError("study needs at least one policy; it got an empty dict")
    at_least("study horizon", horizon, 1)
    at_least("study seeds", seeds, 1)
    names = [m.__name__ for m in record]
    if len(set(names)) < len(names) or "status" in names:
        raise ValueError(f"study record must hold metrics of different names, none of them 'status'; it has {names}")
    for policy in policies.values():
        check_agreement(policy, oracle)
    config: dict[str, Any] = {
        "policies": {name: describe(p) for name, p in policies.items()},
        "oracle": describe(oracle),
        "key": describe(key),
        "horizon": horizon,
        "seeds": seeds,
        "record": names,
        **({"note": dict(note)} if note else {}),
    }
    parts = {}
    for i, (name, policy) in enumerate(policies.items()):
        size = block or block_size(policy, oracle)
        tag = config_hash(
            {**config, "seeds": None, "policies": [config["policies"][name], size, jax.__version__, __version__]}
        )
        parts[name] = run_blocks(
            policy, oracle, key, horizon=horizon, seeds=seeds, record=tuple(record), block=size,
            store=Store(Path(checkpoint) if checkpoint else None, f"{i}-{tag}"),
            done=functools.partial(_report, progress, name, seeds),
        )  # fmt: skip
    return Study(_dataset(parts, names), manifest(config), dict(policies), oracle)


def _report(progress: Progress | None, name: str, seeds: int, done: int) -> None:
    if progress is not None:
        progress(name, done, seeds)


def _dataset(parts: Mapping[str, Mapping[str, np.ndarray]], names: Sequence[str]) -> xr.Dataset:
    some = next(iter(parts.values()))
    variables: dict[str, Any] = {
        name: (("policy", "seed", "round"), np.stack([p[name] for p in parts.values()])) for name in names
    }
    variables["status"] = (("policy", "seed"), np.stack([p["status"] for p in parts.values()]))
    seeds = some["status"].shape[0]
    rounds = some[names[0]].shape[1] if names else 0
    coords = {"policy": list(parts), "seed": np.arange(seeds), "round": np.arange(1, rounds + 1)}
    return xr.Dataset(variables, coords)


@contextmanager
def progress_bar(total: int, *, quiet: bool = False) -> Any:
    """A `Progress` drawn on standard error by rich, over `total` policies; nothing where it is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def show(name: str, done: int, seeds: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(f"{len(tasks) + 1}/{total} {name}", total=seeds)
            bar.update(tasks[name], completed=done)

        yield show
