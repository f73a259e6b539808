"""Figures that say what they were made from, and can be made again to the byte."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito's palette, distinguishable with any colour vision."""

DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)), (0, (1, 1)), (0, (8, 2, 2, 2, 2, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


class StudyFigure(Figure):
    """A figure whose files carry the manifest's hash, and no date."""

    manifest: dict[str, Any]

    def savefig(self, fname: Any, **options: Any) -> None:
        """Write PNG, SVG or PDF by the name's ending; the same study gives the same bytes."""
        kind = options.get("format") or Path(str(fname)).suffix.lstrip(".") or "png"
        options.setdefault("metadata", _metadata(kind, self.manifest))
        options.setdefault("dpi", 150)
        with mpl.rc_context({"svg.hashsalt": "altheory", "svg.fonttype": "none", "pdf.fonttype": 42}):
            super().savefig(fname, **options)


def _metadata(kind: str, manifest: dict[str, Any]) -> dict[str, Any]:
    mark = f"altheory {manifest.get('altheory', '?')} study {manifest.get('hash', '?')}"
    if kind == "png":
        return {"Software": mark, "Source": str(manifest.get("hash", "?"))}
    if kind == "svg":
        return {"Creator": mark, "Identifier": str(manifest.get("hash", "?")), "Date": None}
    return {"Creator": mark, "Keywords": str(manifest.get("hash", "?")), "CreationDate": None}


def canvas(manifest: dict[str, Any], *, width: float = 7.0, height: float = 4.3) -> tuple[StudyFigure, Axes]:
    """An empty figure of the house's style."""
    figure = StudyFigure(figsize=(width, height), layout="constrained")
    figure.manifest = dict(manifest)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    return figure, axes


def style(index: int) -> dict[str, Any]:
    """Colour, dashes and marker of the curve at `index`: any two differ in black and white too."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
        "markevery": (0.02 + 0.013 * index, 0.12),
        "markersize": 4.5,
        "linewidth": 1.7,
    }
