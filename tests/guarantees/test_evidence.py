"""The statistics of checking: rates of false alarms, power, and the four verdicts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import altheory as al
from altheory.guarantees import Always, Case, Equals, Mean, WithProbability, guarantee
from altheory.guarantees.evidence import log_e_value
from altheory.guarantees.guarantee import checkpoints, weigh


def test_the_e_value_is_a_supermartingale_at_the_boundary():
    """E[e] <= 1 at the null, by enumeration of all 2^n outcomes of a two-point law with the mean at the bound."""
    n, p, size = 8, 0.25, 4.0
    outcomes = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    weight = np.prod(np.where(outcomes, p, 1 - p), 1)
    wealth = [np.exp(_final(o[:, None] * size, np.array([p * size]))[0]) for o in outcomes]
    assert np.dot(weight, wealth) == pytest.approx(1, abs=1e-9)


def _final(x, bound):
    from altheory.guarantees.evidence import BETS

    logs = np.stack([np.log1p(b * (x / bound - 1)).sum(0) for b in BETS])
    return np.log(np.exp(logs).mean(0))


def test_a_true_mean_bound_is_rarely_called_violated():
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(400):
        x = rng.exponential(size=(60, 5))
        alarms += Mean(lambda run: run).judge(x, np.ones(5), alpha=0.05).violated
    assert stats.binom.sf(alarms - 1, 400, 0.05) > 1e-6


def test_a_mean_above_its_bound_is_found_also_with_heavy_tails():
    rng = np.random.default_rng(1)
    heavy = 40.0 * (rng.uniform(size=(4000, 1)) < 0.05)
    assert Mean(lambda run: run).judge(heavy, np.array([1.0]), alpha=1e-6).violated
    assert not Mean(lambda run: run).judge(heavy, np.array([2.1]), alpha=1e-6).violated


def test_a_zero_bound_is_broken_by_any_positive_value():
    x = np.array([[0.0], [1e-3]])
    assert log_e_value(x, np.zeros(1))[0] == np.inf
    assert log_e_value(0 * x, np.zeros(1))[0] == 0


def test_a_statistic_below_its_floor_is_refused():
    with pytest.raises(ValueError, match="floor"):
        log_e_value(np.array([[-1.0]]), np.ones(1))


def test_probability_claims_use_the_exact_binomial():
    evidence = WithProbability(lambda run: run, delta=0.1)
    for failures, violated in ((27, False), (28, True)):
        x = np.r_[np.ones(failures), np.zeros(100 - failures)][:, None]
        assert evidence.judge(x, np.array([0.5]), alpha=1e-6).violated is violated


def test_always_and_equals_see_one_bad_value_and_nan():
    x = np.zeros((3, 4))
    for bad in (1e-3, np.nan):
        x[1, 2] = bad
        assert Always(lambda run: run).judge(x, np.zeros(4), alpha=1e-6).violated
        assert Equals(lambda run: run).judge(x, np.zeros(4), alpha=1e-6).violated
    assert not Always(lambda run: run).judge(np.zeros((3, 4)), np.zeros(4), alpha=1e-6).violated


def test_checkpoints_are_few_and_hold_the_last_round():
    at = checkpoints(np.arange(1, 20_001))
    assert at[0] == 0
    assert at[-1] == 19_999
    assert len(at) <= 64
    assert (np.diff(at) > 0).all()


def _square(instance):
    return np.asarray(instance) ** 2


@pytest.mark.parametrize(("limit", "status"), [(30.0, "consistent"), (8.0, "violated"), (200.0, "vacuous")])
def test_instances_without_time_are_judged_too(limit, status):
    g = guarantee("x^2 <= b", cite="k", note="n", bounds=Always(_square), ceiling=lambda instance: 100.0)(
        lambda instance: limit
    )
    assert weigh(g, Case("numbers", ([1, 2, 5],), [1, 2, 5]), alpha=1e-6).status == status


def _study(policies, oracle, record=(al.regret,)):
    return al.study(policies, oracle, jax.random.key(0), horizon=2000, seeds=60, record=record, block=20)


@pytest.fixture(scope="module")
def bandit():
    policies = {"ucb1": al.ucb1(2), "wide": al.ucb1(2, scale=2.0), "thompson": al.thompson_bernoulli(2)}
    return _study(policies, al.BernoulliBandit(jnp.array([0.2, 0.9])))


def test_check_names_what_a_theorem_does_not_cover(bandit):
    verdicts = al.check(al.ucb1_regret, bandit)
    assert verdicts["ucb1"].status == "consistent"
    assert verdicts["wide"].status == verdicts["thompson"].status == "inapplicable"
    assert "scaled by 2" in verdicts["wide"].reason
    assert "not UCB1" in verdicts["thompson"].reason
    assert al.check(al.thompson_bayes_regret, bandit)["thompson"].reason.endswith(
        "does not draw its means from a prior"
    )


def test_small_gaps_make_the_bound_vacuous():
    close = _study({"ucb1": al.ucb1(2)}, al.BernoulliBandit(jnp.array([0.5, 0.52])))
    assert al.check(al.ucb1_regret, close)["ucb1"].status == "vacuous"


def test_a_wrong_theorem_is_violated(bandit):
    wrong = al.guarantee("R_t <= 1", cite="k", note="n", bounds=Mean(al.cumulative_regret))(lambda p, o, t: 1 + 0 * t)
    assert {v.status for v in al.check(wrong, bandit).values()} == {"violated"}


def test_calling_a_theorem_checks_its_assumptions():
    oracle = al.BernoulliBandit(jnp.array([0.2, 0.9]))
    expected = 8 * np.log(100) / 0.7 + (1 + np.pi**2 / 3) * 0.7
    assert al.ucb1_regret(al.ucb1(2), oracle, 100.0) == pytest.approx(expected, rel=1e-6)
    with pytest.raises(ValueError, match="not UCB1"):
        al.ucb1_regret(al.thompson_bernoulli(2), oracle, 100.0)


def test_a_missing_metric_is_named(bandit):
    study = _study({"b": al.Budgeted(al.ucb1(2), 5.0)}, al.BernoulliBandit(jnp.array([0.2, 0.9])))
    with pytest.raises(ValueError, match="'cost'"):
        al.check(al.budget_kept, study)


def test_a_study_from_a_file_must_be_bound(bandit, tmp_path):
    loaded = al.Study.load(bandit.save(tmp_path / "s.nc"))
    with pytest.raises(ValueError, match="bind"):
        al.check(al.ucb1_regret, loaded)
    bound = loaded.bind(bandit.policies, bandit.oracle)
    assert repr(al.check(al.ucb1_regret, bound)) == repr(al.check(al.ucb1_regret, bandit))
    with pytest.raises(ValueError, match="not the ones"):
        loaded.bind({**bandit.policies, "wide": al.ucb1(2, scale=3.0)}, bandit.oracle)
