"""`altheory verify`: the table, the exit code, and its refusals."""

import dataclasses

import pytest

from altheory.cli import theorems as command
from altheory.guarantees import ALL, budget_kept


def test_a_theorem_that_holds_passes(capsys):
    assert command.run_verify(["elliptical-potential"], seeds=50, mutants=False)
    out = capsys.readouterr().out
    assert "elliptical-potential" in out
    assert "consistent" in out
    assert "false-alarm rate at most 1e-06" in out


def test_a_broken_theorem_fails(monkeypatch, capsys):
    broken = dataclasses.replace(
        budget_kept, bound=lambda policy, oracle, t: 0.5 * budget_kept.bound(policy, oracle, t)
    )
    monkeypatch.setattr(command, "ALL", (broken,))
    assert not command.run_verify(["budget-kept"], seeds=50, mutants=False)
    assert "violated" in capsys.readouterr().out


def test_mutants_must_be_violated(monkeypatch, capsys):
    harmless = dataclasses.replace(budget_kept, mutants={"harmless": budget_kept.algorithm})
    assert command.run_verify(["budget-kept"], seeds=50, mutants=True)
    monkeypatch.setattr(command, "ALL", (harmless,))
    assert not command.run_verify(["budget-kept"], seeds=50, mutants=True)


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
