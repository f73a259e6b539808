"""The studies of bandits: every policy fits its instance, and the table says which theorem covers whom."""

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest

import altheory as al
from altheory.cli import best_arm_study
from altheory.cli.studies import STUDIES, Options
from altheory.sim.agree import check_agreement


@pytest.mark.parametrize("horizon", [1, 2, 3000])
@pytest.mark.parametrize("name", ["bandits", "nonstationary", "duels"])
def test_every_policy_fits_its_instance_at_any_horizon(name, horizon):
    for part in STUDIES[name].parts(Options(horizon)).values():
        for policy in part.policies.values():
            check_agreement(policy, part.oracle)


def run(part, horizon, *names):
    policies = {name: part.policies[name] for name in names}
    return al.study(policies, part.oracle, jax.random.key(0), horizon=horizon, seeds=4, record=part.record)


def test_the_table_names_the_tightest_theorem_and_the_lower_bound():
    part = STUDIES["bandits"].parts(Options(40))["wide"]
    study = run(part, 40, "ucb1", "random")
    table = part.table(study)
    assert table.theorem.tolist() == ["ucb1", "none"]
    bound = al.ucb1_regret(part.policies["ucb1"], part.oracle, np.array([40.0]))[0]
    np.testing.assert_allclose(table.bound, [bound, np.nan])
    np.testing.assert_allclose(table["lai-robbins"], al.lai_robbins.bound(part.oracle, np.array([40.0]))[0])
    legend = part.draw(study).axes[0].get_legend()
    assert any("lai-robbins" in text.get_text() for text in legend.get_texts())
    plt.close("all")


def test_the_adversarial_table_has_its_bounds_and_its_turn():
    part = STUDIES["bandits"].parts(Options(60))["adversarial"]
    table = part.table(run(part, 60, "exp3", "random"))
    np.testing.assert_allclose(table.bound, [np.sqrt(2 * 60 * 3 * np.log(3)), np.nan], rtol=1e-6)
    rewards = np.asarray(part.oracle.rewards)
    assert rewards[:20].sum(0).argmax() == 0
    assert rewards.sum(0).argmax() != 0


def test_best_arms_are_compared_with_what_their_theorems_say(tmp_path, monkeypatch):
    monkeypatch.setattr(best_arm_study, "BUDGETS", 3)  # each point is a program of its own
    monkeypatch.setattr(best_arm_study, "DELTAS", (0.2, 0.03))
    parts = STUDIES["best-arm"].parts(Options(300, seeds=40))
    errors, pulls = (parts[name].run(tmp_path / name, lambda *_: None) for name in ("budget", "confidence"))
    assert [str(n) for n in errors.data.policy.values] == list(parts["budget"].policies)
    table = parts["budget"].table(errors)
    assert (table.loc["sequential halving"] <= table.loc["sequential-halving bound"]).all()
    assert table.loc["sequential halving"].mean() < table.loc["equal shares"].mean()
    budgets = errors.data["round"].values
    assert (errors.data["pulls"].sel(policy="sequential halving").max("seed") <= budgets).all()
    assert budgets[-1] == 300
    made = parts["confidence"].table(pulls)
    assert made.loc["any rule, at least"].iloc[0] == pytest.approx(best_arm_study.least_pulls(0.2))
    for name, study in (("budget", errors), ("confidence", pulls)):
        parts[name].draw(study)
    plt.close("all")
    with pytest.raises(ValueError, match="--horizon must be at least 64 for 16 arms"):
        best_arm_study.budgets(10)


def test_the_study_of_duels_counts_what_was_asked_beside_the_most_it_can_be():
    part = STUDIES["duels"].parts(Options(60))["features"]
    study = run(part, 60, *part.policies)
    table = part.table(study)
    assert table["asked"]["all asked"] == 60
    assert table["asked"]["asked when unsure"] <= table["at most"]["asked when unsure"]
    assert np.isnan(table["at most"]["random"])
    winner = STUDIES["duels"].parts(Options(10))["cycle"].oracle
    assert int(winner.best) == winner.chance.shape[0] - 1
    part.draw(study)
    plt.close("all")
