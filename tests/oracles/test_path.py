"""Measuring along a path: what it costs, and that a constraint on the way beats dividing by it."""

import jax
import numpy as np
import pytest

import altheory as al

SIDE = 12
X = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1).reshape(-1, 2) / SIDE
KERNEL = al.RBF(1.0, 0.25)
RULES = {
    "conventional": al.variance,
    "normalised": al.per_dollar(al.variance),
    "constrained": al.within_price(al.variance, 0.3),
    "whole": al.within_price(al.variance, 10.0),
}


@pytest.fixture(scope="module")
def study():
    survey = al.PathSurvey(X, np.asarray(KERNEL(X.astype(np.float32), X.astype(np.float32))), noise=0.05)
    belief = al.gp(2, kernel=KERNEL, noise=0.05, capacity=60)
    policies = {name: al.Argmax(belief, rule) for name, rule in RULES.items()}
    return al.study(policies, survey, jax.random.key(0), horizon=60, seeds=24, record=(al.rmse, al.cost, al.item))


def error_at(study, policy, lengths):
    """The error when so much way is behind one, run by run."""
    runs = study.data.sel(policy=policy)
    way = runs["cost"].cumsum("round").values
    return np.stack([np.interp(lengths, w, e) for w, e in zip(way, runs["rmse"].values, strict=True)])


def test_constrained_has_less_error_at_the_same_way(study):
    study.raise_for_status()
    lengths = np.linspace(0.5, 8, 40)
    area = {name: error_at(study, name, lengths).mean(1) for name in RULES}
    gain = area["conventional"] - area["constrained"]
    assert gain.mean() > 5 * gain.std() / np.sqrt(len(gain))
    np.testing.assert_array_equal(study.data["item"].sel(policy="whole"), study.data["item"].sel(policy="conventional"))


def test_the_money_spent_is_the_way(study):
    for run in study.data["item"].sel(policy="normalised").values[:5]:
        stops = X[np.r_[0, run.astype(int)]]
        way = np.linalg.norm(np.diff(stops, axis=0), axis=1)
        assert len(set(run)) == 60
        np.testing.assert_allclose(
            way.sum(), study.data["cost"].sel(policy="normalised").values[:5].sum(1)[0], rtol=1e-4
        )
        break


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"cov must be \[N, N\] for the 144 places"):
        al.PathSurvey(X, np.ones((144, 3)))
    with pytest.raises(ValueError, match="start must lie in"):
        al.PathSurvey(X, np.eye(144), start=144)
    with pytest.raises(ValueError, match="most must be at least 0"):
        al.within_price(al.variance, -1.0)
