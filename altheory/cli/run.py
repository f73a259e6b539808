"""Running a built-in study: the folder it writes, how it resumes, and what it prints."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

import altheory as al
from altheory.cli.studies import STUDIES, Options, Part
from altheory.cli.tables import show
from altheory.sim.blocks import atomic
from altheory.sim.study import progress_bar

Draw = Callable[[al.Study], Any]
FIGURES = ("png", "svg", "pdf")
BLOCKS = ".blocks"


def run_study(
    name: str,
    *,
    seeds: int | None,
    horizon: int | None,
    wanted: Sequence[str],
    data: Path | None,
    labels: str | None,
    budget: float | None,
    out: Path,
    resume: bool,
    seed: int,
    console: Console,
) -> list[Path]:
    """Run a study by name and write its results, figures, tables and manifests to `out`; returns the files."""
    if name not in STUDIES:
        raise ValueError(f"there is no study {name!r}: choose one of {', '.join(STUDIES)}")
    builtin = STUDIES[name]
    for value, taken, option in ((data, builtin.load, "--data"), (budget, builtin.takes_budget, "--budget")):
        if value is not None and not taken:
            raise ValueError(f"the study {name} takes no {option}")
    horizon = builtin.horizon if horizon is None else horizon
    seeds = builtin.seeds if seeds is None else seeds
    if horizon < 1 or seeds < 1:
        raise ValueError(f"--horizon and --seeds must be at least 1; they are {horizon} and {seeds}")
    given = builtin.load(data, labels) if data is not None and builtin.load else None
    parts = builtin.parts(Options(horizon, given, budget, seeds, seed))
    chosen = {part: _choose(p, wanted) for part, p in parts.items()}
    if not resume and jax.process_index() == 0:
        shutil.rmtree(out / BLOCKS, ignore_errors=True)
    files: list[Path] = []
    for part, p in parts.items():
        with progress_bar(len(chosen[part]), quiet=jax.process_index() != 0) as progress:
            result = p.run(out / BLOCKS, progress) if p.run else al.study(
                chosen[part], p.oracle, jax.random.key(seed), horizon=horizon, seeds=seeds, record=p.record,
                checkpoint=out / BLOCKS, progress=progress, note={"study": name, "part": part},
            )  # fmt: skip
        if p.run:
            result = dataclasses.replace(result, data=result.data.sel(policy=list(chosen[part])))
        if jax.process_index() == 0:
            files += _write(out, f"{name}-{part}" if part else name, p, result, console)
    if jax.process_index() == 0:
        shutil.rmtree(out / BLOCKS, ignore_errors=True)
    return files


def _choose(part: Part, wanted: Sequence[str]) -> dict[str, Any]:
    """The policies named, in the study's order; those a study runs first where none is, and all of them for `all`."""
    for name in wanted:
        if name not in part.policies and name != "all":
            known = ", ".join(part.policies)
            raise ValueError(f"there is no policy {name!r} in this study: choose among {known}, or all")
    names = list(part.policies) if "all" in wanted else wanted or part.first or list(part.policies)
    return {name: p for name, p in part.policies.items() if name in names}


def _write(out: Path, stem: str, part: Part, result: al.Study, console: Console) -> list[Path]:
    result.raise_for_status()
    table = part.table(result)
    files = [result.save(out / f"{stem}.nc")]
    for ending, draw in {"": part.draw, **_possible(part.more, result)}.items():
        figure = draw(result)
        for kind in FIGURES:
            path = out / f"{stem}{'-' if ending else ''}{ending}.{kind}"
            with atomic(path) as temporary:
                figure.savefig(temporary, format=kind)
            files.append(path)
    for ending, text in (("csv", table.to_csv()), ("json", json.dumps(result.manifest, indent=1, sort_keys=True))):
        with atomic(out / f"{stem}.{ending}") as temporary:
            temporary.write_text(text)
        files.append(out / f"{stem}.{ending}")
    seeds, rounds = result.data.sizes["seed"], result.data.sizes["round"]
    against = "; gain and p: paired t-test against random, one-sided" if "gain" in table else ""
    show(console, table, f"{stem}: {seeds} seeds, {rounds} {part.rounds}{against}")
    return files


def _possible(more: Mapping[str, Draw], result: al.Study) -> Mapping[str, Draw]:
    """Further figures compare policies over seeds: they need two of each."""
    return more if min(result.data.sizes["seed"], result.data.sizes["policy"]) > 1 else {}
