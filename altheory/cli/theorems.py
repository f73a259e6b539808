"""`altheory verify`: every theorem against its own hard instances, every mutant against its theorem."""

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

import jax
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from altheory.cli.report import Row, write_report
from altheory.guarantees import ALL, Guarantee
from altheory.guarantees.guarantee import ALPHA, Checked, examine, joined, planned, settle

QUICK_INSTANCES, QUICK_SHARE, QUICK_LEAST = 1, 10, 8
"""A quick look takes a theorem's first instance, and this share of its trials, but no fewer than the last number."""

Job = tuple[str, str | None]
"""A theorem's id, and the mutant checked in its place, if any."""
Done = tuple[Job, list[Checked], bool, float]
"""What a job found: the instances, whether more trials would not matter, and the seconds it took."""


def run_verify(
    ids: Sequence[str],
    *,
    seeds: int | None,
    mutants: bool,
    families: Sequence[str] = (),
    report: Path | None = None,
    quick: bool = False,
    until: Literal["settled"] | None = None,
    workers: int = 1,
) -> bool:
    """Print the table, write the page; returns whether every theorem held, or every mutant was violated."""
    chosen = _chosen(ids, families)
    if seeds is not None and seeds < 1:
        raise ValueError(f"--seeds must be at least 1; it is {seeds}")
    if workers < 1:
        raise ValueError(f"--workers must be at least 1; it is {workers}")
    if until and (quick or mutants):
        raise ValueError("--until settled is for the theorems in full: leave out --quick and --mutants")
    jobs: list[Job] = [(g.id, m) for g in chosen for m in (g.mutants if mutants else [None])]
    known = {g.id: g for g in chosen}
    console, log = Console(width=160), Console(stderr=True)
    done: dict[Job, tuple[Row, bool]] = {}
    with _results(jobs, seeds, quick, until, workers) as results, _bar(log) as bar:
        task = bar.add_task("", total=len(jobs))
        for job, cases, settled, seconds in results:
            verdict = joined([case.verdict for case in cases])
            done[job] = Row(known[job[0]], job[1], verdict, cases, seconds), settled
            bar.update(task, advance=1, description=f"{job[0]} {job[1] or ''}")
            if (verdict.status == "violated") != mutants:
                log.print(f"{job[0]} {job[1] or ''}: {verdict.reason}")
    rows = [done[job] for job in jobs]
    console.print(_table(rows, mutants))
    if report is not None:
        console.print(str(write_report(report, [row for row, _ in rows])))
    violated = sum(row.verdict.status == "violated" for row, _ in rows)
    console.print(f"{len(jobs)} checked, {violated} violated; {false_alarms([row.theorem for row, _ in rows])}")
    return all((row.verdict.status == "violated") == mutants for row, _ in rows)


def false_alarms(theorems: Sequence[Guarantee]) -> str:
    """The probability that any true claim among these is called violated, and how it is made up."""
    chance = sum(g.bounds.by_chance for g in theorems)
    sure = len(theorems) - chance
    return f"false-alarm rate at most {chance * ALPHA:.1e} ({chance} x {ALPHA:.0e} by chance, {sure} x 0 certain)"


def _chosen(ids: Sequence[str], families: Sequence[str]) -> list[Guarantee]:
    known, kinds = [g.id for g in ALL], sorted({g.family for g in ALL})
    for name in ids:
        if name not in known:
            raise ValueError(f"there is no theorem {name!r}: choose one of {', '.join(known)}")
    for name in families:
        if name not in kinds:
            raise ValueError(f"there is no family {name!r}: choose one of {', '.join(kinds)}")
    return [g for g in ALL if (g.id in ids or not ids) and (g.family in families or not families)]


@contextmanager
def _results(
    jobs: Sequence[Job], seeds: int | None, quick: bool, until: str | None, workers: int
) -> Iterator[Iterator[Done]]:
    """What each job found, as it ends: here one after the other, or in processes of their own."""
    if workers == 1 or len(jobs) == 1:
        yield (_examined(job, seeds, quick, until) for job in jobs)
        return
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=partial(_start, jax.config.values.get("jax_compilation_cache_dir")),
    )
    try:
        waiting = [pool.submit(_examined, job, seeds, quick, until) for job in jobs]
        yield (future.result() for future in as_completed(waiting))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start(folder: str | None) -> None:
    """A process's start: little optimising, as programs run once, and a folder of programs that no other writes to."""
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=1".strip()
    if folder:
        number = multiprocessing.current_process()._identity[-1]
        jax.config.update("jax_compilation_cache_dir", f"{folder}/{number}")


def _examined(job: Job, seeds: int | None, quick: bool, until: str | None) -> Done:
    start = time.monotonic()
    g = next(g for g in ALL if g.id == job[0])
    try:
        if until:
            cases, settled = settle(g, trials=seeds)
        else:
            trials = seeds or (_quick_trials(g, job[1]) if quick else None)
            instances = QUICK_INSTANCES if quick and job[1] is None else None
            cases, settled = examine(g, mutant=job[1], trials=trials, instances=instances), True
    except Exception as error:
        error.add_note(f"while checking {job[0]} {job[1] or ''}")
        raise
    return job, cases, settled, time.monotonic() - start


def _quick_trials(g: Guarantee, mutant: str | None) -> int | None:
    return None if mutant else min(planned(g), max(QUICK_LEAST, planned(g) // QUICK_SHARE))


def _bar(log: Console) -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    return Progress(*columns, console=log, disable=not log.is_terminal)


def _table(rows: Sequence[tuple[Row, bool]], mutants: bool) -> Table:
    kind, instance = ("mutant", "broken on") if mutants else ("family", "nearest on")
    table = Table("id", kind, "binds", "verdict", instance, "trials", "worst ratio", "times loose", "s")
    for row, settled in rows:
        v = row.verdict
        worst = max(row.cases, key=lambda c: (c.verdict.status == v.status, np.nan_to_num(c.verdict.ratio, nan=-1.0)))
        table.add_row(
            row.theorem.id, row.mutant or row.theorem.family, type(row.theorem.bounds).__name__,
            v.status + ("" if settled else ", unsettled"), worst.name, str(v.trials), f"{v.ratio:.3g}",
            f"{v.looseness:.3g}", f"{row.seconds:.1f}",
        )  # fmt: skip
    return table
