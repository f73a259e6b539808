"""`altheory verify`: the table, the exit code, and its refusals."""

import dataclasses
import re

import numpy as np
import pytest

from altheory.cli import theorems as command
from altheory.guarantees import ALL, Mean, budget_ledger
from altheory.guarantees.guarantee import Case, guarantee, settle


def test_a_theorem_that_holds_passes(capsys):
    assert command.run_verify(["elliptical-potential"], seeds=50, mutants=False)
    out = capsys.readouterr().out
    assert "elliptical-potential" in out
    assert "consistent" in out
    assert "false-alarm rate at most 0.0e+00 (0 x 1e-07 by chance, 1 x 0 certain)" in out


def test_a_broken_theorem_fails(monkeypatch, capsys):
    broken = dataclasses.replace(budget_ledger, bound=lambda budget: 0.5 * budget_ledger.bound(budget))
    monkeypatch.setattr(command, "ALL", (broken,))
    assert not command.run_verify(["budget-ledger"], seeds=50, mutants=False)
    assert "violated" in capsys.readouterr().out


def test_mutants_must_be_violated(monkeypatch, capsys):
    harmless = dataclasses.replace(budget_ledger, mutants={"harmless": budget_ledger.algorithm})
    assert command.run_verify(["budget-ledger"], seeds=50, mutants=True)
    monkeypatch.setattr(command, "ALL", (harmless,))
    assert not command.run_verify(["budget-ledger"], seeds=50, mutants=True)


def test_a_quick_look_takes_one_instance_and_a_tenth_of_the_trials(capsys):
    assert command.run_verify(["hedge"], seeds=None, mutants=False, quick=True)
    out = capsys.readouterr().out
    assert "1 checked, 0 violated" in out
    assert command._quick_trials(command._chosen(["hedge"], [])[0], None) == 25


def test_trials_are_added_until_a_verdict_settles(capsys):
    assert command.run_verify(["ucb1"], seeds=8, mutants=False, until="settled")
    assert "unsettled" not in capsys.readouterr().out


def test_a_mean_that_equals_its_bound_does_not_settle():
    """A fair coin against a half is never settled, and one against a quarter is violated once there are enough."""
    flips = np.random.default_rng(0).random(4000) < 0.5
    fair = guarantee(
        "a fair coin", id="coin", family="x", latex="x", cite="x", note="x", bounds=Mean(lambda run: run * 1.0),
        cases=lambda algorithm, trials: [Case("coin", (), flips[:trials])],
    )(lambda: np.array([0.5]))  # fmt: skip
    checked, settled = settle(fair, trials=200)
    assert not settled
    assert checked[0].verdict.status == "consistent"
    checked, settled = settle(dataclasses.replace(fair, bound=lambda: np.array([1 / 4])), trials=40)
    assert settled
    assert checked[0].verdict.status == "violated"
    assert 80 <= checked[0].verdict.trials <= 640


def test_processes_find_what_one_finds(capsys):
    ids = ["halving-mistakes", "kw-equivalence", "conformal-loo"]
    assert command.run_verify(ids, seeds=None, mutants=True, workers=2)
    both = capsys.readouterr().out
    assert command.run_verify(ids, seeds=None, mutants=True)
    one = capsys.readouterr().out
    seconds = re.compile(r"[\d.]+ +│$", re.M)
    assert seconds.sub("", both) == seconds.sub("", one)
    assert "broken on" in one


def test_options_that_do_not_go_together():
    with pytest.raises(ValueError, match="--until settled is for the theorems in full"):
        command.run_verify([], seeds=None, mutants=True, until="settled")
    with pytest.raises(ValueError, match="--workers must be at least 1"):
        command.run_verify([], seeds=None, mutants=True, workers=0)


def test_a_family_is_checked_and_its_page_tells_of_each(tmp_path, capsys):
    page = tmp_path / "deep" / "report.html"
    ids = ["gaussian-bald", "halving-mistakes", "elliptical-potential"]
    assert command.run_verify(ids, seeds=20, mutants=False, families=["unification", "bandits"], report=page)
    text = page.read_text()
    assert "0 violated" in capsys.readouterr().out
    for name in ids:
        assert f'<section id="{name}">' in text
    assert text.count("data:image/png;base64,") == 3
    assert "<script" not in text
    with pytest.raises(ValueError, match="there is no family 'nope'"):
        command.run_verify([], seeds=1, mutants=False, families=["nope"])


def test_unknown_ids_are_named():
    with pytest.raises(ValueError, match=", ".join(g.id for g in ALL)):
        command.run_verify(["nope"], seeds=None, mutants=False)
