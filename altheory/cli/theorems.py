"""`altheory verify`: every theorem against its own hard instances, every mutant against its theorem."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from altheory.cli.report import Row, write_report
from altheory.guarantees import ALL, Guarantee, Verdict
from altheory.guarantees.guarantee import examine, joined

ALPHA = 1e-6
"""False-alarm rate of each theorem; that of the whole table is at most as many times this as it has rows."""


def run_verify(
    ids: Sequence[str], *, seeds: int | None, mutants: bool, families: Sequence[str] = (), report: Path | None = None
) -> bool:
    """Print the table, write the page; returns whether every theorem held, or every mutant was violated."""
    known = {g.id: g for g in ALL}
    for name in ids:
        if name not in known:
            raise ValueError(f"there is no theorem {name!r}: choose one of {', '.join(known)}")
    if seeds is not None and seeds < 1:
        raise ValueError(f"--seeds must be at least 1; it is {seeds}")
    kinds = sorted({g.family for g in ALL})
    for name in families:
        if name not in kinds:
            raise ValueError(f"there is no family {name!r}: choose one of {', '.join(kinds)}")
    chosen = [g for g in ALL if (g.id in ids or not ids) and (g.family in families or not families)]
    jobs: list[tuple[Guarantee, str | None]] = [(g, m) for g in chosen for m in (g.mutants if mutants else [None])]
    console, log = Console(width=140), Console(stderr=True)
    table = Table(
        "id", "mutant" if mutants else "family", "binds", "verdict", "trials", "worst ratio", "times loose", "s"
    )
    good, rows = True, []
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=log, disable=not log.is_terminal) as bar:
        task = bar.add_task("")
        for g, mutant in jobs:
            bar.update(task, description=f"{g.id} {mutant or ''}")
            start = time.monotonic()
            cases = examine(g, mutant=mutant, trials=seeds, alpha=ALPHA)
            verdict = joined([case.verdict for case in cases])
            rows.append(Row(g, mutant, verdict, cases, time.monotonic() - start))
            good &= (verdict.status == "violated") == mutants
            table.add_row(*_row(g, mutant, verdict, time.monotonic() - start))
            if (verdict.status == "violated") != mutants or mutants:
                log.print(f"{g.id} {mutant or ''}: {verdict.reason}")
    console.print(table)
    violated = sum(row.verdict.status == "violated" for row in rows)
    if report is not None:
        console.print(str(write_report(report, rows)))
    console.print(
        f"{len(jobs)} checked, {violated} violated, false-alarm rate at most {len(jobs) * ALPHA:.0e} together"
    )
    return good


def _row(g: Guarantee, mutant: str | None, v: Verdict, seconds: float) -> list[str]:
    return [
        g.id, mutant or g.family, type(g.bounds).__name__, v.status, str(v.trials), f"{v.ratio:.3g}",
        f"{v.looseness:.3g}", f"{seconds:.1f}",
    ]  # fmt: skip
