"""The rules that studies of labels run: none is missing, and the simulated topics are neither trivial nor hopeless."""

import jax
import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression

import altheory as al
from altheory.cli import rules
from altheory.cli.data import digits, standardise, topics


def _function(rule):
    return getattr(rule, "fn", rule)


def test_every_rule_on_sets_is_there():
    public = {getattr(al, name) for name in al.policies.__all__ if name.endswith("_rule")}
    assert {_function(rule) for rule in rules.SETS.values()} == public


def test_every_score_of_predicted_labels_is_there():
    public = {getattr(al, name) for name in al.scores.__all__ if name.endswith("_score")}
    asked = {score for score in public if score.__module__ == "altheory.scores.wrappers"}
    assert len(asked) >= 9
    assert asked <= {_function(score) for score in rules.SCORES.values()}


def test_one_belief_serves_them_all():
    belief = al.logistic(3, 2, capacity=4)
    assert set(rules.singly(belief)) > set(rules.SCORES)
    assert set(rules.batches(belief, 5)) > set(rules.SETS)
    assert {p.q for p in rules.batches(belief, 5).values()} == {5}


@pytest.mark.slow
def test_margin_and_bald_beat_random_on_digits():
    """At 60 labels, paired over 60 seeds, at alpha = 1e-3 each; the mutant asks where the model is surest."""
    x, y, names = digits()
    pool = al.LabelPool(standardise(x), y, held_out=0.25, classes=len(names))
    belief = rules.student(pool, 60)
    policies = {name: rules.singly(belief)[name] for name in ("random", "margin", "bald")}
    policies["mutant"] = al.Argmax(belief, al.score(lambda *a: -al.margin_score(*a)))
    study = al.study(policies, pool, jax.random.key(0), horizon=60, seeds=60, record=(al.accuracy,))
    last = study.data.accuracy.isel(round=-1)
    p = {
        name: stats.ttest_rel(last.sel(policy=name), last.sel(policy="random"), alternative="greater").pvalue
        for name in policies
    }
    assert max(p["margin"], p["bald"]) < 1e-3
    assert p["mutant"] > 0.5


def test_simulated_topics_are_learned_slowly():
    x, y, names = topics()
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1)
    share = np.bincount(y) / len(y)
    assert len(names) == len(share) == 8
    assert share.max() / share.min() == pytest.approx(6, rel=0.3)
    z = standardise(x)
    right = [LogisticRegression(max_iter=500).fit(z[:m], y[:m]).score(z[2250:], y[2250:]) for m in (50, 2000)]
    assert right[0] < 0.65
    assert 0.75 < right[1] < 0.9
