"""Off-policy values: unbiased by enumeration, intervals that cover, and two real logs against one another."""

import itertools
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import altheory as al

LOGGED = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])
WANTED = np.array([[0.1, 0.1, 0.8], [0.7, 0.3, 0.0]])
CHANCE = np.array([[0.2, 0.9, 0.5], [0.4, 0.1, 0.8]])
CONTEXT = np.array([0.3, 0.7])
MODEL = np.array([[0.3, 0.7, 0.1], [0.9, 0.2, 0.2]])
VALUE = float((CONTEXT[:, None] * WANTED * CHANCE).sum())


def estimate(rounds, method, **more):
    x, a, r = (np.array(v) for v in zip(*rounds, strict=True))
    expected = (WANTED * MODEL).sum(1)[x]
    return al.off_policy_value(
        r, LOGGED[x, a], WANTED[x, a], method=method, predicted=MODEL[x, a], expected=expected, **more
    )


def enumerated(method, **more):
    """The mean of an estimate over every log of two rounds."""
    single = list(itertools.product(range(2), range(3), range(2)))
    mass = {
        s: CONTEXT[s[0]] * LOGGED[s[0], s[1]] * (CHANCE[s[0], s[1]] if s[2] else 1 - CHANCE[s[0], s[1]]) for s in single
    }
    pairs = itertools.product(single, repeat=2)
    return sum(mass[i] * mass[j] * estimate([i, j], method, **more).mean for i, j in pairs)


@pytest.mark.parametrize("method", ["ips", "dr"])
def test_unbiased_whatever_the_model(method):
    np.testing.assert_allclose(enumerated(method), VALUE, rtol=1e-12)


def test_switch_is_unbiased_until_it_switches():
    np.testing.assert_allclose(enumerated("switch", threshold=7.0), VALUE, rtol=1e-12)
    kept = np.where(WANTED / LOGGED <= 3, WANTED / LOGGED, 0)
    bias = (
        (CONTEXT[:, None] * LOGGED * kept * (CHANCE - MODEL)).sum() + (CONTEXT[:, None] * WANTED * MODEL).sum() - VALUE
    )
    np.testing.assert_allclose(enumerated("switch", threshold=3.0) - VALUE, bias, rtol=1e-9)
    assert abs(bias) > 0.05


def logs(rng, size):
    x = rng.choice(2, size, p=CONTEXT)
    a = (rng.random(size)[:, None] > LOGGED.cumsum(1)[x]).sum(1)
    return x, a, (rng.random(size) < CHANCE[x, a]).astype(float)


@pytest.mark.parametrize(("method", "more"), [("ips", {}), ("snips", {}), ("dr", {}), ("ips", {"most": 7.0})])
def test_intervals_cover_the_value(method, more):
    """2,000 logs of 800 rounds: at most 5 % outside (normal ones to a percent more), at 1e-6."""
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(2000):
        found = estimate(zip(*logs(rng, 800), strict=True), method, **more)
        missed += not found.low <= VALUE <= found.high
    assert stats.binom.sf(missed - 1, 2000, 0.05 if more else 0.06) > 1e-6
    assert more or missed > 20


def test_a_good_model_and_self_normalising_are_more_precise():
    rng = np.random.default_rng(1)
    x, a, r = logs(rng, 4000)
    good = {"predicted": CHANCE[x, a], "expected": (WANTED * CHANCE).sum(1)[x]}
    widths = {
        m: np.ptp(al.off_policy_value(r, LOGGED[x, a], WANTED[x, a], method=m, **(good if m == "dr" else {}))[1:3])
        for m in ("ips", "snips", "dr")
    }
    assert widths["dr"] < widths["snips"] < widths["ips"]
    own = al.effective_sample(LOGGED[x, a], LOGGED[x, a])
    assert own == pytest.approx(4000)
    assert al.effective_sample(LOGGED[x, a], WANTED[x, a]) < 2000


DATA = Path(os.environ.get("ALTHEORY_DATA", Path(__file__).parents[4] / "shared" / "data")) / "bandit_obd_men"


@pytest.mark.skipif(not DATA.is_dir(), reason="the logged clicks are not on this machine")
def test_two_real_logs_agree_on_one_another():
    """Clicks logged by uniform play and by Thompson sampling: each log tells the other policy's rate."""
    uniform, thompson = (pd.read_parquet(DATA / f"{name}.parquet") for name in ("random", "bts"))
    chance = thompson.groupby(["position", "item_id"])["propensity_score"].mean()
    there = pd.MultiIndex.from_frame(uniform[["position", "item_id"]])
    target = chance.reindex(there).fillna(0).to_numpy()
    for method in ("ips", "snips"):
        found = al.off_policy_value(uniform["click"], uniform["propensity_score"], target, method=method)
        rate = thompson["click"].mean()
        se = np.hypot(np.ptp(found[1:3]) / 3.92, thompson["click"].std() / 100)
        assert abs(found.mean - rate) < 5 * se
        even = np.full(len(thompson), 1 / 34)
        back = al.off_policy_value(thompson["click"], thompson["propensity_score"], even, method=method)
        se = np.hypot(np.ptp(back[1:3]) / 3.92, uniform["click"].std() / 100)
        assert abs(back.mean - uniform["click"].mean()) < 5 * se


def test_bad_input_is_named():
    r, p = np.array([1.0, 0.0]), np.array([0.5, 0.5])
    with pytest.raises(ValueError, match="propensity must be above 0"):
        al.off_policy_value(r, [0.0, 1.0], p)
    with pytest.raises(ValueError, match=r"target must be \[n\]"):
        al.off_policy_value(r, p, np.ones(3))
    with pytest.raises(ValueError, match="dr needs a model of rewards"):
        al.off_policy_value(r, p, p, method="dr")
    with pytest.raises(ValueError, match=r"weights up to 0\.5"):
        al.off_policy_value(r, p, p, method="ips", most=0.5)
    with pytest.raises(ValueError, match="the log says nothing"):
        al.off_policy_value(r, p, [0.0, 0.0])
    with pytest.raises(ValueError, match="method must be one of ips, snips, dr, switch"):
        al.off_policy_value(r, p, p, method="magic")
