"""Figures: what they draw, that they are the same to the byte, and that they say what they were made from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al
from altheory.plot.curves import interval


@pytest.fixture(scope="module")
def study():
    policies = {"ucb1": al.ucb1(2), "random": al.random(2), "stops": al.Until(al.ucb1(2), al.below(-1.0))}
    oracle = al.BernoulliBandit(jnp.array([0.2, 0.9]))
    record = (al.regret, al.cost)
    return al.study(policies, oracle, jax.random.key(0), horizon=600, seeds=10, record=record, block=10)


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_files_are_equal_to_the_byte_and_carry_the_hash(study, tmp_path, kind):
    files = []
    for name in ("a", "b"):
        figure = al.plot.regret(study, bounds=[al.ucb1_regret])
        figure.savefig(tmp_path / f"{name}.{kind}")
        files.append((tmp_path / f"{name}.{kind}").read_bytes())
    assert files[0] == files[1]
    assert study.manifest["hash"].encode() in files[0]


def test_curves_are_the_means_over_seeds(study):
    axes = al.plot.regret(study).axes[0]
    for name, line in zip(study.data.policy.values, axes.get_lines(), strict=True):
        mean = study.cumulative("regret").sel(policy=name).mean("seed")
        rounds = np.asarray(line.get_xdata())
        np.testing.assert_allclose(line.get_ydata(), mean.sel(round=rounds), rtol=1e-9)


def test_bounds_are_drawn_for_the_policies_they_cover_and_say_how_loose(study):
    labels = [t.get_text() for t in al.plot.regret(study, bounds=[al.ucb1_regret]).axes[0].get_legend().get_texts()]
    assert sum("bound on ucb1" in text and "times loose" in text for text in labels) == 1
    assert not any("bound on random" in text for text in labels)


def test_money_on_the_x_axis_reads_each_seed_at_its_own_cost():
    x = np.random.default_rng(0).normal(size=(60, 2))
    pool = al.LabelPool(x, (x[:, 0] > 0).astype(int), price=jnp.array([0.1, 0.5]), held_out=0.3)
    policy = al.Budgeted(al.random(al.logistic(2)), 3.0)
    record = (al.accuracy, al.cost)
    result = al.study({"r": policy}, pool, jax.random.key(0), horizon=12, seeds=4, record=record, block=4)
    line = al.plot.accuracy(result, against="cost").axes[0].get_lines()[0]
    spent, seen = result.cumulative("cost").values[0], result.data.accuracy.values[0].astype(float)
    for money, value in zip(*line.get_data(), strict=True):
        at = [(s <= money * (1 + 1e-9)).sum() - 1 for s in spent]
        assert value == pytest.approx(np.mean([seen[i, max(a, 0)] for i, a in enumerate(at)]))


def test_bootstrap_interval_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        low, high = interval(rng.normal(size=(40, 1)), "bootstrap")
        inside += bool(low[0] <= 0 <= high[0])
    assert 0.88 <= inside / 300 <= 0.99


def test_bands_are_named_and_unknown_ones_refused(study):
    legend = al.plot.regret(study, band="quantile").axes[0].get_legend().get_title().get_text()
    assert legend == "10 seeds, band: 5 % to 95 % of seeds"
    with pytest.raises(ValueError, match="bootstrap, quantile"):
        al.plot.regret(study, band="sd")
    with pytest.raises(ValueError, match="did not record `accuracy`"):
        al.plot.accuracy(study)


def test_log_axes_when_asked(study):
    axes = al.plot.regret(study, log="xy").axes[0]
    assert axes.get_xscale() == axes.get_yscale() == "log"
