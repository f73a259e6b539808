"""`altheory label`: a policy labels a file of texts, by labelers that cost money, and stops where it should."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from scipy.stats import binomtest
from sklearn.decomposition import PCA

from altheory import host
from altheory.beliefs import logistic
from altheory.cli.outcomes import read_table
from altheory.cli.texts import text_features
from altheory.core import menu
from altheory.core.check import at_least
from altheory.host.journal import Journal, digest
from altheory.policies import Argmax, Batched, random
from altheory.scores import bald_score, entropy_score, margin_score, per_dollar

SCORES = {"bald": bald_score, "entropy": entropy_score, "margin": margin_score}
POLICIES = [*SCORES, *(f"{name}/$" for name in SCORES), "random"]


def read_labelers(
    path: Path, classes: Sequence[str], table: pd.DataFrame, texts: Sequence[str]
) -> tuple[list[Any], list[float]]:
    """Labelers and the error rate expected of each, from a TOML file of `[[labeler]]` blocks.

    `kind = "openai"`: `model`, `input` and `output` in dollars per million tokens, perhaps `base_url`, `question`,
    `output_cap`, `key_from`, and `requests_per_minute`, `tokens_per_minute`.
    `kind = "simulated"`: `name`, `column` with the right labels, and perhaps `price` in dollars, `flip` (how often it
    is wrong), `malformed`. `kind = "replay"`: `name`, `column` with what it once said, and perhaps `price`. All:
    `noise`, the error rate one expects.
    """
    sources, noise = [], []
    for number, block in enumerate(tomllib.loads(path.read_text(encoding="utf-8")).get("labeler", [])):
        kind, given = block.get("kind"), {k: v for k, v in block.items() if k not in ("kind", "noise")}
        if kind not in ("openai", "replay", "simulated"):
            raise ValueError(f"{path}: labeler {number + 1} has kind {kind!r}: write openai, replay or simulated")
        try:
            if kind == "openai":
                made: Any = _openai(given, classes)
            elif kind == "replay":
                made = _replay(given, classes, table, texts)
            else:
                made = _simulated(given, classes, table, number)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path}: labeler {number + 1} ({kind}) lacks or does not know {error}") from None
        sources.append(made)
        noise.append(float(block.get("noise", block.get("flip", 0.1))))
    if not sources:
        raise ValueError(f"{path} names no labeler: add a [[labeler]] block")
    return sources, noise


def _openai(given: dict[str, Any], classes: Sequence[str]) -> host.OpenAILabeler | host.Limited:
    price = host.Price.per_million(given.pop("input"), given.pop("output"), given.pop("call", 0))
    requests, tokens = given.pop("requests_per_minute", None), given.pop("tokens_per_minute", None)
    made = host.OpenAILabeler(classes=list(classes), price=price, **given)
    return made if requests is None and tokens is None else host.Limited(made, requests=requests, tokens=tokens)


def _on_the_list(labels: pd.Series, classes: Sequence[str]) -> None:
    unknown = sorted(set(labels) - set(classes))
    if unknown:
        raise ValueError(
            f"the column {labels.name!r} has labels that are not among --classes: {', '.join(unknown[:5])}"
        )


def _replay(
    given: dict[str, Any], classes: Sequence[str], table: pd.DataFrame, texts: Sequence[str]
) -> host.ReplayLabeler:
    said = table[given.pop("column")].fillna("").astype(str).tolist()
    return host.ReplayLabeler.of_labels(given.pop("name"), texts, said, list(classes), **given)


def _simulated(
    given: dict[str, Any], classes: Sequence[str], table: pd.DataFrame, number: int
) -> host.SimulatedLabeler:
    truth = table[given.pop("column")].astype(str)
    _on_the_list(truth, classes)
    right = np.array([list(classes).index(label) for label in truth])
    rng = np.random.default_rng(number)
    wrong = rng.random(len(right)) < given.pop("flip", 0.0)
    said = np.where(wrong, (right + rng.integers(1, len(classes), len(right))) % len(classes), right)
    return host.SimulatedLabeler(labels=said.tolist(), classes=list(classes), **given)


def run_label(
    texts: Path, *, column: str, classes: Sequence[str], labeler: Path, policy: str, budget: float, rounds: int | None,
    batch: int, dim: int, dry_run: bool, resume: bool, seed: int, out: Path, console: Console,
    audit: str | None = None,
) -> list[Path]:  # fmt: skip
    """Label the texts; returns the files written: labels as parquet and csv, and the journal."""
    table = read_table(texts)
    if column not in table:
        raise ValueError(f"{texts} has no column {column!r}: it has {', '.join(map(str, table.columns))}")
    if policy not in POLICIES:
        raise ValueError(f"--policy must be one of {', '.join(POLICIES)}; it is {policy!r}")
    at_least("--batch", batch, 1)
    at_least("--dim", dim, 1)
    if table[column].isna().any():
        raise ValueError(f"{texts}: row {int(table[column].isna().argmax())} of {column!r} has no text: drop it first")
    checked = None if audit is None else _checked(table, audit, classes, texts)
    said = table[column].astype(str).tolist()
    sources, noise = read_labelers(labeler, classes, table, said)
    x = _components(text_features(said), dim)
    desk = host.LabelDesk(said, x, sources, classes, noise=noise)
    if dry_run:
        _estimate(desk, budget, console)
        return []
    journal = out / "run.db"
    if journal.exists() and not resume:
        raise ValueError(f"{journal} is there already: add --resume to go on from it, or choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    total = rounds or -(-len(said) * len(sources) // batch)
    made = _policy(policy, x.shape[1], len(classes), len(said) * len(sources), batch)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        state = host.run(
            made, desk, jax.random.key(seed), rounds=total, journal=journal, budget=budget, at_once=batch,
            prices=digest(labeler.read_text(encoding="utf-8"))[:16],
            watch=lambda t, book: bar.update(
                task, completed=t, description=f"${host.dollars(book.account.spent):.4f} of ${budget:g}"
            ),
        )  # fmt: skip
    frame = _labels(journal, desk, state, x)
    files = [out / "labels.parquet", out / "labels.csv"]
    frame.to_parquet(files[0])
    frame.to_csv(files[1], index=False)
    _report(journal, frame, console)
    if checked is not None:
        _audit(frame, checked, console)
    return [*files, journal]


def _components(features: np.ndarray, dim: int) -> np.ndarray:
    """The leading `dim` principal components, the same every time, scaled to unit mean length, and a constant."""
    made = PCA(min(dim, *features.shape), random_state=0).fit_transform(features)
    made = made / max(float(np.sqrt((made**2).sum(1).mean())), 1e-12)
    return np.c_[made, np.ones(len(features))].astype(np.float32)


def _policy(name: str, dim: int, classes: int, rows: int, batch: int) -> Any:
    if name == "random":
        return random(rows) if batch == 1 else Batched(random(rows), batch)
    score = SCORES[name.removesuffix("/$")]
    belief = logistic(dim, classes=classes, capacity=min(rows, 2048), posterior="variational")
    made = Argmax(belief, per_dollar(score) if name.endswith("/$") else score)
    return made if batch == 1 else Batched(made, batch)


def _estimate(desk: host.LabelDesk, budget: float, console: Console) -> None:
    """What a label may cost by each labeler at most, and how many the budget buys, without any call."""
    price = np.asarray(desk.offer().price).reshape(len(desk.sources), -1)
    shown = Table("labeler", "most a label may cost", "all texts at most", f"labels for ${budget:g} at least")
    for source, row in zip(desk.sources, price, strict=True):
        bought = int((np.cumsum(np.sort(row)[::-1]) <= budget).sum())
        shown.add_row(source.name, f"${row.max():.6f}", f"${row.sum():.4f}", str(bought))
    console.print(shown)


def _labels(journal: Path, desk: host.LabelDesk, state: Any, x: np.ndarray) -> pd.DataFrame:
    """A row a text: who was asked, what they said, what it cost, and what the student makes of it."""
    book, n = Journal.opened(journal), len(desk.texts)
    told: dict[int, list[tuple[str, str | None, int]]] = {}
    for _, _, replies in book.rounds():
        for row, (label, cost) in replies.items():
            who, item = divmod(int(row), n)
            told.setdefault(item, []).append((desk.sources[who].name, label, cost))
    book.close()
    student = getattr(state, "inner", state)
    probs = np.asarray(student.belief.probs(menu(x))) if hasattr(student.belief, "classes") else None
    rows = []
    for item, text in enumerate(desk.texts):
        said = [label for _, label, _ in told.get(item, []) if label is not None]
        best = None if probs is None else int(probs[item].argmax())
        rows.append(
            {
                "item": item, "text": text, "label": max(said, key=said.count) if said else None,
                "asked": json.dumps([[who, label] for who, label, _ in told.get(item, [])]),
                "usd": sum(host.dollars(cost) for _, _, cost in told.get(item, [])),
                "student": None if best is None else desk.classes[best],
                "student_probability": None if probs is None or best is None else float(probs[item, best]),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _report(journal: Path, frame: pd.DataFrame, console: Console) -> None:
    book = Journal.opened(journal)
    attempts, account = book.attempts(), book.account
    unread = sum(a["state"] == "settled" and a["label"] is None for a in attempts)
    lost = sum(a["state"] == "lost" for a in attempts)
    labelled, spent, cap = int(frame["label"].notna().sum()), host.dollars(account.spent), host.dollars(account.cap)
    console.print(f"{labelled} of {len(frame)} texts labelled for ${spent:.4f} of ${cap:g}")
    console.print(f"{len(attempts)} calls: {unread} replies could not be read, {lost} have an unknown outcome")
    console.print(f"ended: {book.why}")
    book.close()


def _checked(table: pd.DataFrame, column: str, classes: Sequence[str], path: Path) -> pd.Series:
    """The labels that a person gave, empty where nobody did."""
    if column not in table:
        raise ValueError(f"{path} has no column {column!r} to audit by: it has {', '.join(map(str, table.columns))}")
    checked = table[column].astype("string").str.strip().replace("", pd.NA).reset_index(drop=True)
    _on_the_list(checked.dropna(), classes)
    if checked.isna().all():
        raise ValueError(f"the audit {column!r} has no label: fill it in for some rows, best drawn at random")
    return checked


def accuracies(frame: pd.DataFrame, checked: pd.Series) -> pd.DataFrame:
    r"""How often each labeler, the label kept and the student agree with the labels that a person gave.

    Of `n` audited texts with an answer, `right` are right; `low` and `high` are Clopper and Pearson's exact interval
    at 95 %: it covers the accuracy where the audited texts were drawn at random among those answered.
    """
    answers: dict[str, dict[int, str]] = {}
    for item, asked in enumerate(frame["asked"]):
        for who, label in json.loads(asked):
            answers.setdefault(f"labeler {who}", {})[item] = label
    answers["the label kept"], answers["the student"] = dict(frame["label"]), dict(frame["student"])
    rows = {}
    for who, said in answers.items():
        pairs = [(said[i], checked[i]) for i in said if pd.notna(said[i]) and pd.notna(checked[i])]
        if pairs:
            right = sum(label == truth for label, truth in pairs)
            interval = binomtest(right, len(pairs)).proportion_ci(0.95, method="exact")
            rows[who] = (len(pairs), right, right / len(pairs), interval.low, interval.high)
    made = pd.DataFrame.from_dict(rows, orient="index", columns=["n", "right", "accuracy", "low", "high"])
    return made.rename_axis("answers of")


def _audit(frame: pd.DataFrame, checked: pd.Series, console: Console) -> None:
    shown = Table("answers of", "audited", "accuracy", "95 % interval")
    for who, row in accuracies(frame, checked).iterrows():
        shown.add_row(str(who), f"{row['n']:.0f}", f"{row['accuracy']:.3f}", f"{row['low']:.3f} to {row['high']:.3f}")
    console.print(shown)


def run_journal(path: Path, *, export: Path | None, console: Console) -> bool:
    """Show a journal's money and calls, and write its attempts to a file; returns whether the books are in order."""
    book = Journal.opened(path)
    account, attempts = book.account, pd.DataFrame(book.attempts())
    shown = Table("state", "calls", "dollars")
    for state in ("settled", "lost", "held", "released"):
        mine = attempts[attempts["state"] == state] if len(attempts) else attempts
        money = mine["hold" if state == "held" else "cost"].sum() if len(mine) else 0
        shown.add_row(state, str(len(mine)), f"{host.dollars(int(money)):.6f}")
    console.print(shown)
    spent, held, cap = (host.dollars(money) for money in (account.spent, account.held, account.cap))
    console.print(f"spent ${spent:.6f} and held ${held:.6f} of ${cap:g}")
    if book.why:
        console.print(f"ended: {book.why}")
    if export is not None:
        attempts.to_csv(export, index=False) if export.suffix == ".csv" else attempts.to_parquet(export)
        console.print(str(export))
    wrong = book.audit()
    for sentence in wrong:
        console.print(sentence)
    book.close()
    return not wrong
