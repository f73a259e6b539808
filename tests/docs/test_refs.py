"""Every work that the package, the proof notes and the pages cite is in the bibliography, and the file is in order."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIB = ROOT / "docs" / "refs.bib"
KEY = r"[a-z][a-z-]*\d{4}[a-z]*"
AFTER_CITE = re.compile(rf"Cite:\s*({KEY}(?:,\s*{KEY})*)")
ANY_CITE = re.compile(r"Cite:(?!`)")
AS_ARGUMENT = re.compile(r"\bcite=\(?\s*((?:[rf]?\"[^\"]*\",?\s*)+)")
IN_PAGE = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")
ENTRY = re.compile(r"^@(\w+)\{([^,\s]+),(.*?)^\}", re.M | re.S)
REQUIRED = {
    "article": {"author", "title", "journal", "year"},
    "book": {"author", "title", "publisher", "year"},
    "incollection": {"author", "title", "booktitle", "publisher", "year"},
    "inproceedings": {"author", "title", "booktitle", "year"},
    "misc": {"author", "title", "year"},
    "phdthesis": {"author", "title", "school", "year"},
    "techreport": {"author", "title", "institution", "year"},
}


def entries() -> list[tuple[str, str, str]]:
    return ENTRY.findall(BIB.read_text())


def cited() -> dict[str, set[str]]:
    """Keys to the files that cite them."""
    found: dict[str, set[str]] = {}
    for path in [*ROOT.glob("altheory/**/*.py"), *ROOT.glob("proofs_notes/*.md"), *ROOT.glob("docs/**/*.md")]:
        text = path.read_text()
        groups = AFTER_CITE.findall(text) + AS_ARGUMENT.findall(text) + IN_PAGE.findall(text)
        for key in re.findall(KEY, " ".join(groups)):
            found.setdefault(key, set()).add(str(path.relative_to(ROOT)))
    return found


def test_every_cited_key_is_in_the_bibliography():
    known = {key for _, key, _ in entries()}
    missing = {key: sorted(files) for key, files in cited().items() if key not in known}
    assert not missing, f"add to docs/refs.bib: {missing}"


def test_every_cite_in_the_package_names_a_key():
    for path in ROOT.glob("altheory/**/*.py"):
        text = path.read_text()
        assert len(ANY_CITE.findall(text)) == len(AFTER_CITE.findall(text)), f"{path}: a Cite: without author-year key"


def test_keys_are_unique_and_sorted():
    keys = [key for _, key, _ in entries()]
    assert keys == sorted(set(keys))
    assert len(keys) == len(re.findall(r"^@", BIB.read_text(), re.M)), "an entry does not parse"


def test_entries_are_complete():
    for kind, key, body in entries():
        fields = set(re.findall(r"^\s*(\w+)\s*=", body, re.M))
        assert not REQUIRED[kind] - fields, f"{key} lacks {REQUIRED[kind] - fields}"
        assert re.search(r"year\s*=\s*\{(\d{4})\}", body)[1] in key, f"the year in the key {key} is not the entry's"


def test_citation_file_names_the_version():
    import altheory

    assert f"version: {altheory.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## {altheory.__version__}" in (ROOT / "CHANGELOG.md").read_text()
