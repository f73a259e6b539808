"""The page that `altheory verify --report` writes: every theorem with its verdict and a picture of the evidence."""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from altheory.guarantees import Guarantee, Verdict
from altheory.guarantees.guarantee import Checked
from altheory.sim.blocks import atomic

LOOK = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;width:100%;font-size:14px}td,th{border-bottom:1px solid #ddd;padding:.3em .6em;"
    "text-align:left}.violated{color:#b00020;font-weight:bold}.consistent{color:#1b5e20}code{font-size:13px}"
    "section{border-top:1px solid #ccc;padding:1em 0;overflow:auto}img{float:right;width:24em;max-width:50%}"
)


@dataclass(frozen=True)
class Row:
    """A theorem, or a mutant of it, as it was checked."""

    theorem: Guarantee
    mutant: str | None
    verdict: Verdict
    cases: Sequence[Checked]
    seconds: float


def write_report(path: Path, rows: Sequence[Row]) -> Path:
    """The page, in one file, whole or not at all."""
    head = "".join(f"<th>{word}" for word in ("theorem", "family", "binds", "verdict", "trials", "worst", "loose", "s"))
    body = "".join(map(_line, rows))
    found = sum(row.verdict.status == "violated" for row in rows)
    page = (
        f"<!doctype html><meta charset=utf-8><title>altheory verify</title><style>{LOOK}</style>"
        f"<h1>altheory verify</h1><p>{len(rows)} checked, {found} violated.</p><table><tr>{head}</tr>{body}</table>"
        + "".join(map(_section, rows))
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _anchor(row: Row) -> str:
    return html.escape(row.theorem.id if row.mutant is None else f"{row.theorem.id}: {row.mutant}", quote=True)


def _line(row: Row) -> str:
    v, anchor = row.verdict, _anchor(row)
    cells = (
        f'<a href="#{anchor}">{anchor}</a>', html.escape(row.theorem.family), type(row.theorem.bounds).__name__,
        f'<span class="{v.status}">{v.status}</span>', str(v.trials), f"{v.ratio:.3g}", f"{v.looseness:.3g}",
        f"{row.seconds:.1f}",
    )  # fmt: skip
    return "<tr>" + "".join(f"<td>{cell}" for cell in cells) + "</tr>"


def _section(row: Row) -> str:
    g = row.theorem
    told = (
        f'<section id="{_anchor(row)}"><img src="{_picture(row.cases)}" alt="observed and bound">'
        f"<h2>{_anchor(row)}</h2>"
        f"<p>{html.escape(g.claim)}.</p><p><code>{html.escape(g.latex)}</code></p>"
        f"<p>{html.escape(row.verdict.reason)}.</p><p>Proof: <code>{html.escape(g.note)}</code>; "
        f"source: <code>{html.escape(g.cite)}</code>.</p>"
    )
    cases = "".join(f"<li>{html.escape(c.name)}: {c.verdict.status}" for c in row.cases[:12])
    more = f"<li>and {len(row.cases) - 12} more" if len(row.cases) > 12 else ""
    return f"{told}<ul>{cases}{more}</ul></section>"


def _picture(cases: Sequence[Checked]) -> str:
    """Observed against bound: over rounds, of the instance nearest to its bound, or over instances."""
    figure = Figure(figsize=(4.8, 3.2), dpi=90, layout="constrained")
    axes = figure.add_subplot()
    timed = [c for c in cases if c.rounds is not None and len(c.rounds) > 1]
    if timed:
        case = max(timed, key=lambda c: np.nan_to_num(c.verdict.ratio, nan=-1.0))
        rounds, (low, high) = np.asarray(case.rounds), np.quantile(case.seen, [0.05, 0.95], axis=0)
        axes.fill_between(rounds, low, high, alpha=0.2, linewidth=0, color="#0072b2")
        axes.plot(rounds, case.seen.mean(0), color="#0072b2", label="observed, 5 % to 95 %")
        axes.plot(rounds, case.bound, color="#d55e00", linestyle="--", label="bound")
        axes.set_xlabel("round")
        axes.set_title(case.name, fontsize=9)
    else:
        seen = np.concatenate([np.ravel(c.seen.mean(0)) for c in cases])
        bound = np.concatenate([np.ravel(c.bound) for c in cases])
        order = np.argsort(bound, kind="stable")
        axes.plot(seen[order], ".", color="#0072b2", label="observed")
        axes.plot(bound[order], "_", color="#d55e00", label="bound")
        axes.set_xlabel("instance, by its bound")
    axes.legend(fontsize=7, frameon=False)
    held = io.BytesIO()
    figure.savefig(held, format="png")
    return "data:image/png;base64," + base64.b64encode(held.getvalue()).decode()
