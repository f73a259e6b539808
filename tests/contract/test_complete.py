"""Nothing public is missing from the catalogue."""

import inspect

import catalogue as c
import pytest

import altheory.beliefs
import altheory.oracles
import altheory.policies
import altheory.scores
import altheory.stopping


def names(entries):
    return {key.split()[0] for key in entries} | {type(make()).__name__ for make in entries.values()}


def test_every_belief_and_its_builder_is_there():
    assert names(c.BELIEFS) | c.PARTS | c.LABEL_MODELS | c.GRAPHS | c.HOSTED == set(altheory.beliefs.__all__)


def test_every_policy_and_alias_is_there():
    assert names(c.POLICIES) | c.STOP_RULES | c.SET_RULES | c.PHASED | c.ALIASES == set(altheory.policies.__all__)


def test_every_oracle_is_there():
    assert names(c.ORACLES) | c.TEAMS == set(altheory.oracles.__all__)


def test_every_score_is_there():
    public = {name: getattr(altheory.scores, name) for name in altheory.scores.__all__}
    takes = {name: list(inspect.signature(f).parameters) for name, f in public.items() if inspect.isfunction(f)}
    scores = {name for name, first in takes.items() if first[:3] == ["belief", "menu", "key"]}
    assert scores | {"per_dollar"} == {key.split()[0] for key in c.SCORES} | c.DUEL_SCORES


NO_RULE = {"StopRule", "when", "replay", "stopping_point", "total_cost", "cohen_kappa", "mixture_glr"} | {
    "LearningCurve",
    "gain_assumptions",
    "search_assumptions",
    "fit_curve",
    "learning_curve",
    "max_entropy",
    "mean_entropy",
    "predictions",
    "top_score",
    "validation_error",
}
"""Public names of `altheory.stopping` that are gauges, kernels or verbs; each has its own tests."""


def test_every_stop_rule_is_there():
    assert names(c.STOPS) | NO_RULE == set(altheory.stopping.__all__)


@pytest.mark.parametrize("belief", c.BELIEFS)
def test_every_belief_is_asked_by_a_score_that_needs_something(belief):
    assert set(c.asked_of(belief)) - {"uniform"}
