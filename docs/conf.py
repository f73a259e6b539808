"""Sphinx settings: MyST pages, the public API by autodoc, and citations from `refs.bib`."""

import re
from typing import Any

import altheory

project = "altheory"
author = "The altheory authors"
copyright = "The altheory authors, Apache-2.0"
version = release = altheory.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"altheory {release}"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the tests run the examples

bibtex_bibfiles = ["refs.bib"]
bibtex_default_style = "alpha"
bibtex_reference_style = "author_year"

default_role = "code"  # docstrings mark code by single backticks
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_default_options = {"exclude-members": "__init__, replace, set"}

CITE = re.compile(r"Cite: ((?:[a-z-]+\d{4}[a-z]*(?:, )?)+)")


def link_citations(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Turn a docstring's `Cite: key, key.` into links to the bibliography."""
    text = re.sub(r"(Cite:|\d{4}[a-z]*,)\n\s*(?=[a-z-]+\d{4})", r"\1 ", "\n".join(lines))
    lines[:] = CITE.sub(lambda m: f":cite:p:`{m[1].replace(' ', '')}`", text).split("\n")


KEY = "Key[Array, ''] | UInt32[Array, '2'] | UInt32[Array, '4']"


def shorten_types(app: Any, what: str, name: str, obj: Any, options: Any, signature: str, returns: str) -> Any:
    """Types by their last name, keys as `Key`, functions by name."""

    def short(text: str | None) -> str | None:
        if text is None:
            return None
        text = re.sub(r"~?(?<![\w.])(?:[A-Za-z_]\w*\.)+(\w+)", r"\1", text)
        return re.sub(r"<function (\w+)>", r"\1", text.replace(KEY, "Key"))

    return short(signature), short(returns)


def unification_table(app: Any, docname: str, source: list[str]) -> None:
    """Put the catalogue's equalities where the page asks for them."""
    source[0] = source[0].replace("<!-- the unification table -->", table_of_equalities())


def table_of_equalities() -> str:
    """The unification family and every other identity, a row each, from the catalogue."""
    from altheory.guarantees import ALL, Equals

    rows = [g for g in ALL if g.family == "unification" or isinstance(g.bounds, Equals)]
    rows.sort(key=lambda g: (g.family != "unification", g.family, g.id))
    lines = [f"| `{g.id}` | {g.claim} | {g.family} | {type(g.bounds).__name__} | {{cite:p}}`{g.cite}` |" for g in rows]
    return "\n".join(["| theorem | claim | family | binds | source |", "|---|---|---|---|---|", *lines])


def setup(app: Any) -> None:
    app.connect("source-read", unification_table)
    app.connect("autodoc-process-signature", shorten_types)
    app.connect("autodoc-process-docstring", link_citations)
