"""`altheory verify`: every theorem against its own hard instances, every mutant against its theorem."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from altheory.guarantees import ALL, Guarantee, Verdict
from altheory.guarantees import verify as verify_one

ALPHA = 1e-6
"""False-alarm rate of each theorem; that of the whole table is at most as many times this as it has rows."""


def run_verify(ids: Sequence[str], *, seeds: int | None, mutants: bool) -> bool:
    """Print the table; returns whether every theorem held, or every mutant was violated."""
    known = {g.id: g for g in ALL}
    for name in ids:
        if name not in known:
            raise ValueError(f"there is no theorem {name!r}: choose one of {', '.join(known)}")
    if seeds is not None and seeds < 1:
        raise ValueError(f"--seeds must be at least 1; it is {seeds}")
    chosen = [known[name] for name in ids] or list(ALL)
    jobs: list[tuple[Guarantee, str | None]] = [(g, m) for g in chosen for m in (g.mutants if mutants else [None])]
    console, log = Console(width=140), Console(stderr=True)
    table = Table("id", "mutant" if mutants else "family", "verdict", "trials", "worst ratio", "times loose", "s")
    good = True
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=log, disable=not log.is_terminal) as bar:
        task = bar.add_task("")
        for g, mutant in jobs:
            bar.update(task, description=f"{g.id} {mutant or ''}")
            start = time.monotonic()
            verdict = verify_one(g, mutant=mutant, trials=seeds, alpha=ALPHA)
            good &= (verdict.status == "violated") == mutants
            table.add_row(*_row(g, mutant, verdict, time.monotonic() - start))
            if (verdict.status == "violated") != mutants or mutants:
                log.print(f"{g.id} {mutant or ''}: {verdict.reason}")
    console.print(table)
    console.print(f"{len(jobs)} checked, false-alarm rate at most {len(jobs) * ALPHA:.0e} together")
    return good


def _row(g: Guarantee, mutant: str | None, v: Verdict, seconds: float) -> list[str]:
    return [
        g.id, mutant or g.family, v.status, str(v.trials), f"{v.ratio:.3g}", f"{v.looseness:.3g}", f"{seconds:.1f}"
    ]  # fmt: skip
