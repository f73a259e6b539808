"""Plain numpy loops of bandit algorithms, all seeds at once, and the tests that compare them with compiled policies."""

import sys
from pathlib import Path

import jax
import numpy as np
from scipy import special, stats

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
from catalogue import quick

import altheory as al
from altheory.sim.simulate import run

MEANS = np.array([0.9, 0.7, 0.6, 0.3])
HORIZON, SEEDS, ALPHA = 100, 600, 1e-6


class Tally:
    """What a plain algorithm sees: plays, reward sums and summed squares, each `[seeds, arms]`; rounds from 0."""

    def __init__(self, seeds, arms):
        self.plays, self.total, self.squares, self.t = *np.zeros((3, seeds, arms)), 0

    @property
    def n(self):
        return np.maximum(self.plays, 1)

    @property
    def mean(self):
        return self.total / self.n


def loop(index, *, seed=1, means=MEANS, sd=None, horizon=HORIZON, seeds=SEEDS):
    """Total regret `[seeds]` of an index algorithm, ties broken at random; rewards are 0/1, or normal with `sd`."""
    rng = np.random.default_rng(seed)
    tally, total, who = Tally(seeds, len(means)), np.zeros(seeds), np.arange(seeds)
    for tally.t in range(horizon):
        score = np.broadcast_to(index(tally, rng), tally.plays.shape)
        arm = np.where(score == score.max(1, keepdims=True), rng.random(score.shape), -1).argmax(1)
        y = rng.random(seeds) < means[arm] if sd is None else rng.normal(means[arm], sd)
        for kept, value in ((tally.plays, 1), (tally.total, y), (tally.squares, y**2)):
            kept[who, arm] += value
        total += means.max() - means[arm]
    return total


def unseen_first(tally, score):
    return np.where(tally.plays > 0, score, np.inf)


def ucb1(tally, rng, scale=1.0):
    return unseen_first(tally, tally.mean + scale * np.sqrt(2 * np.log(max(tally.t, 1)) / tally.n))


def greedy(tally, rng):
    return unseen_first(tally, tally.mean)


def uniform(tally, rng):
    return rng.random(tally.plays.shape)


def thompson(tally, rng):
    return rng.beta(1 + tally.total, 1 + tally.plays - tally.total)


def kl(p, q):
    return special.rel_entr(p, q) + special.rel_entr(1 - p, 1 - q)


def kl_ucb(tally, rng):
    t = tally.t + 1
    level, low, high = np.log(1 + t * np.log(t) ** 2) / tally.n, tally.mean, np.ones_like(tally.mean)
    for _ in range(40):
        middle = (low + high) / 2
        inside = kl(tally.mean, middle) <= level
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return unseen_first(tally, low)


def ucb_v(tally, rng):
    log = 1.2 * np.log(max(tally.t, 1)) / tally.n
    variance = np.maximum(tally.squares / tally.n - tally.mean**2, 0)
    return unseen_first(tally, tally.mean + np.sqrt(2 * variance * log) + 3 * log)


def moss(tally, rng):
    log = np.maximum(np.log(HORIZON / (len(MEANS) * tally.n)), 0)
    return unseen_first(tally, tally.mean + np.sqrt(log / tally.n))


def bayes_ucb(tally, rng):
    return stats.beta.isf(1 / (max(tally.t, 1) + 1), 1 + tally.total, 1 + tally.plays - tally.total)


def thompson_gaussian(tally, rng, noise=0.5):
    precision = 1 + tally.plays / noise**2
    return rng.normal(tally.total / noise**2 / precision, precision**-0.5)


class Commit:
    """Explore-then-commit: sums of the first `pulls` rewards alone decide."""

    def __init__(self, pulls):
        self.pulls, self.frozen = pulls, None

    def __call__(self, tally, rng):
        self.frozen = (
            tally.mean if self.frozen is None else np.where(tally.plays <= self.pulls, tally.mean, self.frozen)
        )
        return np.where(tally.plays < self.pulls, np.inf, self.frozen)


def mixed(rate):
    """Greedy, but with probability `rate(t)` any arm."""

    def index(tally, rng):
        explore = rng.random((len(tally.plays), 1)) < rate(tally.t + 1)
        return np.where(explore, 0.0, greedy(tally, rng))

    return index


class Eliminate:
    """Successive elimination at the level 0.05: active arms take turns."""

    def __init__(self):
        self.active = None

    def __call__(self, tally, rng):
        self.active = np.ones(tally.plays.shape, bool) if self.active is None else self.active
        log = np.log(np.pi**2 * tally.plays.shape[1] * tally.n**2 / (3 * 0.05))
        width = np.where(tally.plays > 0, np.sqrt(log / (2 * tally.n)), np.inf)
        floor = np.where(self.active, tally.mean - width, -np.inf).max(1, keepdims=True)
        self.active &= tally.mean + width > floor
        return np.where(self.active, -tally.plays, -np.inf)


@quick
def _regret(policy, oracle, keys):
    def one(key):
        trace = run(policy, oracle, key, horizon=HORIZON, record=(al.regret,))[1]
        return trace["regret"].sum(), trace.status

    return jax.vmap(one)(keys)


def compiled(policy, oracle=None, *, seeds=SEEDS):
    """Total regret `[seeds]` of a policy of the package, nothing flagged."""
    keys = jax.random.split(jax.random.key(0), seeds)
    total, status = _regret(policy, oracle or al.BernoulliBandit(MEANS), keys)
    assert not np.asarray(status).any()
    return np.asarray(total, np.float64)


def agree(ours, theirs):
    """Welch's test of the means and Kolmogorov-Smirnov of the whole law, at alpha = 1e-6 each."""
    assert ours.std() > 0
    assert stats.ttest_ind(ours, theirs, equal_var=False).pvalue > ALPHA
    assert stats.ks_2samp(np.round(ours, 2), np.round(theirs, 2)).pvalue > ALPHA
