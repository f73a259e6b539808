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


def test_unknown_ids_are_named():
    with pytest.raises(ValueError, match=", ".join(g.id for g in ALL)):
        command.run_verify(["nope"], seeds=None, mutants=False)
