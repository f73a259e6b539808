"""Duels: their oracle, RUCB and double Thompson sampling, and Bradley and Terry's strengths."""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import altheory as al

STRENGTH = np.array([0.4, 1.0, 2.5, 0.7])
CHANCE = STRENGTH[:, None] / (STRENGTH[:, None] + STRENGTH)


def test_the_bandit_of_duels_has_the_usual_regret():
    bandit = al.DuelBandit(CHANCE)
    value = np.asarray(bandit.value(())).reshape(4, 4)
    assert value.argmax() == 2 * 4 + 2
    short = CHANCE[2] - 0.5
    np.testing.assert_allclose(value, -(short[:, None] + short) / 2, atol=1e-6)
    np.testing.assert_allclose(bandit.borda.sum(), 2.0, rtol=1e-6)
    cycle = np.array([[0.5, 0.9, 0.1], [0.1, 0.5, 0.6], [0.9, 0.4, 0.5]])
    assert int(al.DuelBandit(cycle).best) == int(np.argmax(al.DuelBandit(cycle).borda))
    with pytest.raises(ValueError, match=r"p\[i, j\] \+ p\[j, i\] = 1; of 0 and 1 it is"):
        al.DuelBandit([[0.5, 0.9], [0.9, 0.5]])


def test_a_duel_is_counted_once_and_shown_from_both_sides():
    belief, menu = al.duels(3), al.DuelBandit(CHANCE[:3, :3]).offer(())
    belief = belief.update(menu[1], 1.0).update(menu[1], 1.0).update(menu[3], 1.0)
    np.testing.assert_array_equal(belief.wins, [[0, 2, 0], [1, 0, 0], [0, 0, 0]])
    assert belief.count(menu)[1] == belief.count(menu)[3] == 3
    np.testing.assert_allclose(belief.mean(menu)[jnp.array([0, 1, 2, 3])], [0.5, 2 / 3, 0.5, 1 / 3], rtol=1e-6)
    shut = menu.closing(jnp.ones(9, bool))
    np.testing.assert_array_equal(belief.update(shut[1], 1.0).wins, belief.wins)
    draw = jax.jit(belief.sample)(menu, jax.random.key(0)).reshape(3, 3)
    np.testing.assert_allclose(draw + draw.T, 1, rtol=1e-6)
    many = jax.jit(jax.vmap(lambda key: belief.sample(menu, key)[1]))(jax.random.split(jax.random.key(1), 400))
    assert stats.kstest(many, stats.beta(3, 2).cdf).pvalue > 1e-6


def test_rules_come_to_play_the_winner_against_itself_and_regret_less_than_chance():
    policies = {"rucb": al.rucb(4, delta=0.1), "double": al.double_thompson(4), "random": al.random(al.duels(4))}
    study = al.study(
        policies, al.DuelBandit(CHANCE), jax.random.key(0), horizon=3000, seeds=30, record=(al.regret, al.item)
    )
    study.raise_for_status()
    total = study.data["regret"].sum("round")
    for name in ("rucb", "double"):
        gain = (total.sel(policy="random") - total.sel(policy=name)).values
        assert gain.mean() > 5 * gain.std() / np.sqrt(20)
    late = study.data["item"].sel(policy="double").values[:, -200:]
    assert (late == 10).mean() > 0.9


def likelihood(wins, strength):
    odds = np.log(strength[:, None] / (strength[:, None] + strength))
    return (wins * odds)[~np.eye(len(wins), dtype=bool)].sum()


def test_strengths_are_the_likeliest_and_those_of_logistic_regression_on_differences():
    rng = np.random.default_rng(0)
    wins = rng.poisson(4, (5, 5)).astype(float)
    np.fill_diagonal(wins, 0)
    found = al.bradley_terry(wins)

    def loss(theta):
        return -likelihood(wins, np.exp(np.append(theta, 0.0)))

    best = optimize.minimize(loss, np.zeros(4), tol=1e-12)
    exact = np.exp(np.append(best.x, 0.0))
    np.testing.assert_allclose(found, exact / exact.mean(), rtol=1e-5)
    np.testing.assert_allclose(found.mean(), 1)
    assert likelihood(wins, found) >= -best.fun - 1e-9


def test_where_no_strengths_are_likeliest_it_says_so():
    with pytest.raises(ValueError, match="some group of items never loses"):
        al.bradley_terry([[0, 3], [0, 0]])
    one, two = al.bradley_terry([[0, 3], [0, 0]], prior=0.5)
    np.testing.assert_allclose(one / two, 7)
    with pytest.raises(ValueError, match=r"must be \[items, items\]"):
        al.bradley_terry(np.ones((2, 3)))
    np.testing.assert_allclose(al.bradley_terry([[0.0]]), [1.0])


DATA = Path(os.environ.get("ALTHEORY_DATA", Path(__file__).parents[3] / "shared" / "data")) / "pref_ukpconvarg1"


@pytest.mark.skipif(not DATA.is_dir(), reason="the votes are not on this machine")
def test_strengths_of_real_votes_agree_with_the_published_ranks():
    """Arguments of one side of a debate, five votes a pair: strengths order them as the published scores do."""
    pairs, arguments = (pd.read_parquet(DATA / f"{name}.parquet") for name in ("pairs", "arguments"))
    found = []
    for _, mine in pairs.groupby("topic"):
        ids = np.unique(mine[["a", "b"]])
        at = {k: i for i, k in enumerate(ids)}
        wins = np.zeros((len(ids), len(ids)))
        for a, b, first, second in mine[["a", "b", "n_a1", "n_a2"]].to_numpy():
            wins[at[a], at[b]] += first
            wins[at[b], at[a]] += second
        strength = al.bradley_terry(wins, prior=0.1)
        found.append(stats.spearmanr(strength, -arguments["gold_rank_score"].to_numpy()[ids]).statistic)
    assert len(found) == 32
    assert np.mean(found) > 0.8


def test_contextual_duels_pit_the_best_against_what_may_beat_it():
    rng = np.random.default_rng(3)
    bandit = al.ContextualDuels(np.array([2.0, -1.0]), 4)
    menu = bandit.offer(bandit.init(jax.random.key(0)))
    belief = al.logistic(2, capacity=40)
    for _ in range(30):
        row = menu[int(rng.integers(16))]
        belief = belief.update(row, jnp.int32(float(row.x @ bandit.theta) > rng.logistic()))
    score = np.asarray(al.challenge_score(belief, menu, jax.random.key(0), width=2.0)).reshape(4, 4)
    odds, width = (np.asarray(f(menu)).reshape(4, 4) for f in (belief.log_odds, belief.width))
    first = odds.sum(1).argmax()
    second = (odds + 2 * width)[:, first].argmax()
    assert score[first, second] == score.sum() == 1
    shut = menu.closing(jnp.arange(16) == 4 * first + second)
    again = np.asarray(al.challenge_score(belief, shut, jax.random.key(0), width=2.0)).reshape(4, 4)
    assert again[first, second] == 0
    assert again.sum() == 1
    with pytest.raises(ValueError, match=r"all pairs of arms, a square number of rows; it has 3"):
        al.challenge_score(belief, al.menu(jnp.zeros((3, 2))), jax.random.key(0))


def test_duels_with_features_are_learned_from_a_fraction_of_the_answers():
    bandit, rounds = al.ContextualDuels(np.array([3.0, -1.0, 0.5]), 5), 300
    policies = {
        "all": al.contextual_duels(3, capacity=rounds),
        "unsure": al.contextual_duels(3, unsure=0.6, capacity=rounds),
        "random": al.random(al.logistic(3, capacity=8)),
    }
    study = al.study(
        policies, bandit, jax.random.key(1), horizon=rounds, seeds=12, record=(al.regret, al.shown_regret, al.labels)
    )
    study.raise_for_status()
    lost, asked = study.data["shown_regret"].sum("round"), study.data["labels"].sum("round")
    np.testing.assert_allclose(study.data["regret"].sel(policy="all"), study.data["shown_regret"].sel(policy="all"))
    for name in ("all", "unsure"):
        assert (lost.sel(policy=name) < lost.sel(policy="random") / 3).all()
    assert (asked.sel(policy="unsure") < 0.35 * rounds).all()
    assert (study.data["regret"].sel(policy="unsure").sum("round") < lost.sel(policy="unsure")).all()


def test_a_confident_and_wrong_start_is_confirmed_by_its_own_guesses():
    """The negative control of asking by confidence: guesses where nothing is asked are learned as if told."""
    wrong = al.logistic(1, capacity=400)
    for _ in range(60):
        wrong = wrong.update(al.menu(jnp.ones((1, 1)))[0], 0)

    @al.score
    def margin(belief, menu, key):
        return -jnp.abs(belief.log_odds(menu))

    stream = al.SampledStream(lambda key: (jnp.ones(1), jnp.int32(1)), 8)
    for gate, above, learns in ((margin, -1.0, False), (al.width_score, 0.11, True)):
        policy = al.Unsure(al.Argmax(wrong, al.mean_score), gate, above, guess=True)
        state, _ = al.simulate(policy, stream, jax.random.key(0), horizon=200)
        assert (float(state.belief.log_odds(al.menu(jnp.ones((1, 1))))[0]) > 0) == learns
