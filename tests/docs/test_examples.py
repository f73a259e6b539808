"""The examples in the documentation run: each page's Python blocks in order, in one fresh namespace."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^( *)```(\{?[\w-]*\}?)[^\n]*\n(.*?)^\1```", re.M | re.S)


class Block(NamedTuple):
    line: int
    source: str


def blocks(page: Path) -> list[Block]:
    """The blocks fenced as `python` or `{code-cell}`, with the line each begins on."""
    text = page.read_text()
    return [
        Block(text.count("\n", 0, m.start(3)) + 1, re.sub(rf"^{m[1]}", "", m[3], flags=re.M))
        for m in FENCE.finditer(text)
        if m[2] in ("python", "{code-cell}")
    ]


REQUIRES = {"new_belief.md": ("flax", "optax", "numpyro")}
"""Extras that a page's examples import: it is skipped where one is not installed."""

PAGES = [page for page in [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"] if blocks(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in REQUIRES.get(page.name, ()):
        pytest.importorskip(name, reason=f"{page.name} shows a model written in {name}")
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        # the padding makes a traceback show the page's own line numbers
        exec(compile("\n" * (block.line - 1) + block.source, str(page), "exec"), namespace)
    plt.close("all")


def test_python_fences_are_found():
    assert {"new_score.md", "new_belief.md", "new_oracle.md", "new_guarantee.md", "sharp_bits.md"} <= {
        page.name for page in PAGES
    }
