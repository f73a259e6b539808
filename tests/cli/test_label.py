"""`altheory label` and `altheory journal`: texts in, labels with provenance out, and nothing paid twice."""

import asyncio
import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from altheory import host
from altheory.cli.label_command import accuracies, read_labelers, run_journal, run_label

LABELERS = """
[[labeler]]
kind = "simulated"
name = "small"
column = "truth"
price = 0.001
flip = 0.1
malformed = 0.05

[[labeler]]
kind = "simulated"
name = "large"
column = "truth"
price = 0.004
"""


@pytest.fixture
def texts(tmp_path):
    rng = np.random.default_rng(0)
    words = {"fruit": ["apple", "pear", "plum", "fig"], "tool": ["hammer", "saw", "drill", "file"]}
    truth = rng.choice(list(words), 60)
    said = [" ".join(rng.choice(words[t], 5)) + f" number {i}" for i, t in enumerate(truth)]
    pd.DataFrame({"text": said, "truth": truth}).to_csv(tmp_path / "texts.csv", index=False)
    (tmp_path / "labelers.toml").write_text(LABELERS)
    return tmp_path


def labelled(folder, **changes):
    console = Console(file=io.StringIO(), width=120)
    given = {
        "column": "text", "classes": ["fruit", "tool"], "labeler": folder / "labelers.toml", "policy": "bald/$",
        "budget": 0.05, "rounds": None, "batch": 4, "dim": 8, "dry_run": False, "resume": False, "seed": 0,
        "out": folder / "out",
    }  # fmt: skip
    files = run_label(folder / "texts.csv", console=console, **{**given, **changes})
    return files, console.file.getvalue()


def test_texts_are_labelled_within_the_budget_and_a_second_run_changes_nothing(texts):
    files, told = labelled(texts)
    frame = pd.read_parquet(files[0])
    truth = pd.read_csv(texts / "texts.csv")["truth"]
    known = frame["label"].notna()
    assert frame["usd"].sum() == pytest.approx(0.05, abs=0.0011)
    assert (frame["label"] == truth)[known].mean() > 0.8
    assert (frame["student"] == truth).mean() > 0.8
    assert "the budget is spent" in told
    again, _ = labelled(texts, resume=True)
    pd.testing.assert_frame_equal(frame, pd.read_parquet(again[0]))
    console = Console(file=io.StringIO(), width=120)
    assert run_journal(files[2], export=texts / "calls.csv", console=console)
    calls = pd.read_csv(texts / "calls.csv")
    assert calls["cost"].sum() / 1e12 == pytest.approx(frame["usd"].sum())
    assert "spent $0.05" in console.file.getvalue()


def test_a_dry_run_calls_no_one(texts):
    files, told = labelled(texts, dry_run=True)
    assert files == []
    assert "$0.2400" in told
    assert not (texts / "out").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"column": "words"}, "no column 'words'"),
        ({"policy": "best"}, "--policy must be one of bald"),
        ({"classes": ["fruit", "toy"]}, "not among --classes: tool"),
    ],
)
def test_bad_input_is_one_sentence(texts, changes, message):
    with pytest.raises(ValueError, match=message):
        labelled(texts, **changes)


def test_a_folder_with_a_journal_needs_resume(texts):
    labelled(texts, rounds=1)
    with pytest.raises(ValueError, match="add --resume"):
        labelled(texts, rounds=1)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("", "names no labeler"),
        ('[[labeler]]\nkind = "oracle"', "kind 'oracle': write openai, replay or simulated"),
        ('[[labeler]]\nkind = "openai"\nmodel = "m"', "lacks or does not know 'input'"),
    ],
)
def test_a_labeler_file_is_checked(texts, block, message):
    (texts / "labelers.toml").write_text(block)
    with pytest.raises(ValueError, match=message):
        labelled(texts)


def test_what_is_no_journal_is_said_to_be_none(texts):
    with pytest.raises(ValueError, match="is no journal of a run"):
        run_journal(texts / "texts.csv", export=None, console=Console(file=io.StringIO()))


def test_an_audit_tells_accuracies_by_intervals_that_cover_them(texts):
    path = texts / "texts.csv"
    table = pd.read_csv(path)
    drawn = np.random.default_rng(1).choice(60, 30, replace=False)
    table["checked"] = table["truth"].where(table.index.isin(drawn))
    table.to_csv(path, index=False)
    files, told = labelled(texts, audit="checked", budget=0.2)
    frame = pd.read_parquet(files[0])
    made = accuracies(frame, table["checked"].astype("string"))
    assert set(made.index) == {"labeler small", "labeler large", "the label kept", "the student"}
    assert made.loc["labeler large", "accuracy"] == 1 == made.loc["labeler large", "high"]
    assert 0 < made.loc["labeler large", "low"] < 1
    assert made.loc["the student", "n"] == 30  # whatever was asked
    kept = frame["label"].notna() & table["checked"].notna()
    assert made.loc["the label kept", "right"] == (frame["label"] == table["truth"])[kept].sum()
    for who in made.index:
        assert who in told
    wrong = accuracies(frame, table["checked"].map({"fruit": "tool", "tool": "fruit"}))
    assert wrong.loc["labeler large", "accuracy"] == 0


def test_intervals_are_those_of_published_tables():
    """Clopper and Pearson, 1934: 10 of 10 and 8 of 10 at 95 %."""
    rows = pd.DataFrame({"asked": ["[]"] * 10, "label": ["a"] * 10, "student": ["a"] * 8 + ["b"] * 2})
    made = accuracies(rows, pd.Series(["a"] * 10))
    assert tuple(made.loc["the label kept", ["low", "high"]]) == pytest.approx((0.6915, 1), abs=1e-4)
    assert tuple(made.loc["the student", ["low", "high"]]) == pytest.approx((0.4439, 0.9748), abs=1e-4)


def test_an_audit_that_cannot_be_read_is_refused_before_any_call(texts):
    with pytest.raises(ValueError, match="has no column 'checked' to audit by"):
        labelled(texts, audit="checked")
    table = pd.read_csv(texts / "texts.csv")
    for labels, sentence in (("", "has no label: fill it in"), ("stone", "not among --classes: stone")):
        table.assign(checked=labels).to_csv(texts / "texts.csv", index=False)
        with pytest.raises(ValueError, match=sentence):
            labelled(texts, audit="checked")
    assert not (texts / "out").exists()


def test_limits_a_minute_are_read_from_the_file(tmp_path):
    path, block = tmp_path / "labelers.toml", '[[labeler]]\nkind = "openai"\nmodel = "m"\ninput = 1\noutput = 2\n'
    path.write_text(f"{block}requests_per_minute = 60\ntokens_per_minute = 9000\n\n{block}")
    (limited, plain), _ = read_labelers(path, ["a", "b"], pd.DataFrame(), [])
    assert isinstance(limited, host.Limited)
    assert isinstance(plain, host.OpenAILabeler)
    assert limited.request("x") == plain.request("x")
    path.write_text(f"{block}tokens_per_minute = 0\n")
    with pytest.raises(ValueError, match="finite number above 0 a minute"):
        read_labelers(path, ["a", "b"], pd.DataFrame(), [])


def test_recorded_answers_are_replayed_and_those_off_the_list_paid_for(texts):
    table = pd.read_csv(texts / "texts.csv")
    table["said"] = np.where(table.index < 50, table["truth"], np.where(table.index < 55, "stone", None))
    table.to_csv(texts / "texts.csv", index=False)
    block = '[[labeler]]\nkind = "replay"\nname = "crowd"\ncolumn = "said"\nprice = 0.01\n'
    (texts / "labelers.toml").write_text(block)
    files, _ = labelled(texts, budget=10, policy="random")
    frame = pd.read_parquet(files[0])
    assert (frame["label"][:50] == table["truth"][:50]).all()
    assert frame["label"][50:].isna().all()
    np.testing.assert_allclose(frame["usd"][:50], 0.01)
    np.testing.assert_allclose(frame["usd"][50:], 0.04)  # asked as often as any reply that cannot be read


def test_a_text_recorded_twice_has_two_replies_and_one_not_recorded_is_refused():
    labeler = host.ReplayLabeler.of_labels("crowd", ["x", "x"], ["a", "b"], ["a", "b"])
    asked = [labeler.read(asyncio.run(labeler.send(labeler.request("x"), 0)).reply).label for _ in range(3)]
    assert asked == ["a", "b", "b"]
    with pytest.raises(ValueError, match="crowd has no recorded reply to the text 'y'"):
        host.LabelDesk(["y"], np.ones((1, 1)), [labeler], ["a", "b"])
    with pytest.raises(ValueError, match="at least one reply a text"):
        host.ReplayLabeler("crowd", {"x": []}, ["a", "b"])
