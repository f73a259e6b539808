"""Best arms at a stated confidence: the best shares, errors within delta, and pulls against the lower bound."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import altheory as al
from altheory.guarantees import characteristic_time

INSTANCES = [[0.5, 0.45, 0.43, 0.4], [0.3, 0.21, 0.2, 0.19, 0.18], [0.9, 0.1], [0.02, 0.5, 0.97], [0.2] * 3 + [0.6]]


@pytest.mark.parametrize("means", INSTANCES)
@pytest.mark.parametrize("sd", [None, 0.5])
def test_the_compiled_shares_are_those_of_the_characteristic_time(means, sd):
    found = jax.jit(lambda m: al.tracking_shares(m, sd=sd))(jnp.array(means))
    np.testing.assert_allclose(found, characteristic_time(means, sd=sd).weights, atol=2e-3)


def test_published_shares():
    """Garivier and Kaufmann's two instances, to their printed digits."""
    np.testing.assert_allclose(al.tracking_shares(jnp.array(INSTANCES[0])), [0.42, 0.39, 0.14, 0.06], atol=0.0055)
    np.testing.assert_allclose(al.tracking_shares(jnp.array(INSTANCES[1])), [0.34, 0.25, 0.18, 0.13, 0.10], atol=0.0055)


def test_shares_of_tied_and_single_arms_are_numbers():
    np.testing.assert_allclose(al.tracking_shares(jnp.array([0.5, 0.5])), 0.5, atol=0.02)
    assert np.isfinite(al.tracking_shares(jnp.zeros(4))).all()
    np.testing.assert_allclose(al.tracking_shares(jnp.ones(3), sd=1.0).sum(), 1, rtol=1e-6)
    np.testing.assert_allclose(al.tracking_shares(jnp.array([0.3])), [1.0])


MEANS = np.array([0.3, 0.45, 0.85, 0.5, 0.2, 0.3, 0.1])
DELTA = 0.1


RECORD = (al.labels, al.recommended)


def runs(policy, bandit, *, horizon=1200, seeds=200):
    """Pulls until the stop, and whether the arm of the largest mean is the best, in each run."""
    study = al.study(
        {"p": policy}, bandit, jax.random.key(0), horizon=horizon, seeds=seeds, record=(al.labels, al.recommended)
    )
    study.raise_for_status()
    pulls = study.data["labels"].sum("round").values[0]
    right = study.data["recommended"].isel(round=-1).values[0] == bandit.value(bandit.init(jax.random.key(0))).max()
    return pulls, right


@pytest.mark.parametrize("name", ["lucb", "track_and_stop"])
def test_errors_are_within_delta_and_pulls_between_the_bound_and_uniform_play(name):
    bandit = al.BernoulliBandit(MEANS)
    pulls, right = runs(getattr(al, name)(len(MEANS), delta=DELTA), bandit)
    assert (pulls < 1200).all()
    assert stats.binom.sf((~right).sum() - 1, len(right), DELTA) > 1e-6
    least = characteristic_time(MEANS).time * float(stats.entropy([DELTA, 1 - DELTA], [1 - DELTA, DELTA]))
    assert pulls.mean() > least
    even = al.Argmax(al.counts(len(MEANS)), al.score(al.explore_first, pulls=1e6), al.best_arm_known(DELTA))
    spread, _ = runs(even, bandit)
    assert pulls.mean() < spread.mean() - 5 * np.hypot(pulls.std(), spread.std()) / np.sqrt(len(pulls))


def test_tracking_keeps_to_the_best_shares():
    """Gaussian arms and no stop: after 4,000 pulls the shares are near the best ones."""
    bandit = al.GaussianBandit([1.0, 0.6, 0.2], sd=0.5)
    policy = al.track_and_stop(3, sd=0.5).replace(stop=al.score(al.never))
    state, _ = al.simulate(policy, bandit, jax.random.key(1), horizon=4000)
    share = np.asarray(state.belief.plays) / 4000
    np.testing.assert_allclose(share, characteristic_time([1.0, 0.6, 0.2], sd=0.5).weights, atol=0.04)


def test_lucb_buys_the_leader_and_its_likeliest_rival():
    policy = al.lucb(4)
    belief = al.counts(4).replace(plays=jnp.array([9.0, 9.0, 2.0, 9.0]), total=jnp.array([8.0, 4.0, 0.8, 1.0]))
    state = policy.init(jax.random.key(0)).replace(belief=belief)
    choice = policy.select(state, al.menu(np.arange(4)), jax.random.key(0))
    assert sorted(choice.item.tolist()) == [0, 2]
    shut = policy.select(state, al.menu(np.arange(4), open=np.array([True, True, False, True])), jax.random.key(0))
    assert sorted(shut.item.tolist()) == [0, 1]
    alone = al.lucb(1)
    assert alone.select(alone.init(jax.random.key(0)), al.menu(np.arange(1)), jax.random.key(0)).item.tolist() == [0]
