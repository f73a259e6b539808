"""Mean ranks and critical differences: against scipy, a published table, and by hand."""

import jax
import numpy as np
import pytest
from scipy import stats

import altheory as al
from altheory.plot import ranks

NAMES = ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf")
# Area under the curve of four classifiers on fourteen data sets: Demsar (2006), Table 6.
PUBLISHED = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_the_published_example():
    """Ranks 3.143, 2.000, 2.893, 1.964; Friedman 9.28; critical difference 1.25 at 0.05 (2.569 sqrt(4 5 / (6 14)))."""
    found = ranks(PUBLISHED, NAMES)
    assert dict(zip(found.names, found.mean.round(3), strict=True)) == pytest.approx(
        {"C4.5": 3.143, "C4.5+m": 2.0, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964}, abs=6e-4
    )
    assert found.critical == pytest.approx(2.569 * np.sqrt(20 / 84), rel=1e-3)
    assert found.groups == (("C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"),)


def test_friedman_is_scipys_also_with_ties():
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=(9, 4)), rng.integers(0, 3, (12, 5)).astype(float)):
        expected = stats.friedmanchisquare(*values.T).pvalue
        assert ranks(values, tuple("abcde"[: values.shape[1]])).p == pytest.approx(expected, rel=1e-9)


def test_groups_are_maximal_runs_within_the_critical_difference():
    blocks = np.tile([4.0, 3.0, 2.0, 1.0], (30, 1))
    found = ranks(blocks, ("a", "b", "c", "d"))
    assert found.names == ("a", "b", "c", "d")
    assert found.groups == ()
    few = ranks(blocks[:6], ("a", "b", "c", "d"))
    assert 1 < few.critical < 2
    assert few.groups == (("a", "b"), ("b", "c"), ("c", "d"))


def test_equal_policies_share_a_rank():
    found = ranks(np.ones((5, 3)), ("a", "b", "c"))
    assert found.mean.tolist() == [2, 2, 2]
    assert found.p == 1
    assert found.groups == (("a", "b", "c"),)


def test_bad_values_are_refused():
    with pytest.raises(ValueError, match="at least 2 blocks"):
        ranks(np.ones((1, 2)), ("a", "b"))
    with pytest.raises(ValueError, match="finite"):
        ranks(np.array([[1.0, np.nan], [1.0, 2.0]]), ("a", "b"))


def test_the_picture_names_every_policy_and_carries_the_study(tmp_path):
    policies = {"ucb1": al.ucb1(2), "random": al.random(2)}
    study = al.study(policies, al.BernoulliBandit([0.2, 0.9]), jax.random.key(0), horizon=20, seeds=6)
    figure = al.plot.critical_difference(study, "regret")
    shown = " ".join(t.get_text() for t in figure.axes[0].texts)
    assert "ucb1" in shown
    assert "random" in shown
    figure.savefig(tmp_path / "ranks.svg")
    assert study.manifest["hash"].encode() in (tmp_path / "ranks.svg").read_bytes()
    with pytest.raises(ValueError, match="did not record `accuracy`"):
        al.plot.critical_difference(study)
