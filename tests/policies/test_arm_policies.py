"""Named policies on arms: the same regret as plain numpy, and what each must bear."""

import jax
import jax.numpy as jnp
import numpy as np
import plain
import pytest
from scipy import stats

import altheory as al

KEY = jax.random.key(0)
PAIRS = {
    "kl_ucb": (al.kl_ucb(4), plain.kl_ucb),
    "ucb_v": (al.ucb_v(4), plain.ucb_v),
    "moss": (al.moss(4, plain.HORIZON), plain.moss),
    "explore_then_commit": (al.explore_then_commit(4, 5), plain.Commit(5)),
    "epsilon_greedy": (al.epsilon_greedy(4, eps=0.2), plain.mixed(lambda t: 0.2)),
    "epsilon_decreasing": (al.epsilon_decreasing(4, 0.5, c=0.5), plain.mixed(lambda t: min(1, 8 / t))),
}


@pytest.mark.parametrize("name", PAIRS)
def test_regret_and_its_law_are_those_of_a_numpy_loop(name):
    policy, index = PAIRS[name]
    plain.agree(plain.compiled(policy), plain.loop(index))


def test_bayes_ucb_is_that_of_a_numpy_loop():
    plain.agree(plain.compiled(al.bayes_ucb(4), seeds=200), plain.loop(plain.bayes_ucb, seeds=200))


def test_successive_elimination_is_that_of_a_numpy_loop():
    means = np.array([0.98, 0.0, 0.06, 0.12])
    plain.agree(
        plain.compiled(al.successive_elimination(4), al.BernoulliBandit(means)),
        plain.loop(plain.Eliminate(), means=means),
    )


def test_thompson_sampling_of_gaussian_arms_is_that_of_a_numpy_loop():
    ours = plain.compiled(al.thompson_gaussian(4, noise=0.5), al.GaussianBandit(plain.MEANS, sd=0.5))
    plain.agree(ours, plain.loop(plain.thompson_gaussian, sd=0.5))


def test_the_comparison_has_power():
    """The nearest two of these algorithms are told apart."""
    ours = plain.loop(plain.moss)
    assert stats.ttest_ind(ours, plain.loop(plain.kl_ucb), equal_var=False).pvalue < plain.ALPHA


@pytest.mark.parametrize("level", [0.0, 1e-3, 0.1, 3.0, 50.0])
def test_kl_upper_solves_its_equation_in_double_precision(level):
    p = np.r_[0.0, 1.0, 1e-6, np.linspace(0.01, 0.99, 21)]
    with jax.enable_x64(True):
        q = np.asarray(al.kl_upper(jnp.asarray(p), jnp.full_like(p, level)))
    assert (q >= p).all()
    assert (q <= 1).all()
    inner = q < 1 - 1e-9
    np.testing.assert_allclose(plain.kl(p, q)[inner], level, rtol=1e-6, atol=1e-12)
    assert q[1] == 1


def test_kl_upper_is_the_same_in_single_precision():
    p = np.linspace(0, 1, 101)
    for level in (1e-4, 0.01, 1.0, 10.0):
        with jax.enable_x64(True):
            exact = np.asarray(al.kl_upper(jnp.asarray(p), jnp.full_like(p, level)))
        single = al.kl_upper(jnp.asarray(p, jnp.float32), jnp.full(101, level, jnp.float32))
        np.testing.assert_allclose(single, exact, atol=3e-6)


def test_beta_quantiles_are_those_of_scipy():
    rng = np.random.default_rng(0)
    a, b = np.exp(rng.uniform(np.log(0.5), np.log(2000), (2, 200)))
    belief = al.beta_bernoulli(200).replace(a=jnp.asarray(a, jnp.float32), b=jnp.asarray(b, jnp.float32))
    upper = jax.jit(lambda tail: belief.upper(al.menu(jnp.arange(200)), tail))
    for tail in (1e-5, 0.01, 0.3, 0.7, 0.99):
        error = np.asarray(upper(tail), np.float64) - stats.beta.isf(tail, a, b)
        assert (np.abs(error) < 0.01 * stats.beta.std(a, b) + 1e-6).all()


def test_moments_are_numpys_far_from_zero():
    y = np.random.default_rng(0).normal(1000, 0.5, 300).astype(np.float32)
    row = al.menu(jnp.arange(1))[0]
    belief = jax.lax.scan(lambda b, v: (b.update(row, v), None), al.moments(1, low=990.0, high=1010.0), y)[0]
    np.testing.assert_allclose(belief.variance(al.menu(jnp.arange(1)))[0], y.astype(np.float64).var(), rtol=1e-3)


ALIASES = {
    "ucb1": al.ucb1,
    "thompson_bernoulli": al.thompson_bernoulli,
    "kl_ucb": al.kl_ucb,
    "ucb_v": al.ucb_v,
    "moss": lambda k, **range: al.moss(k, 100.0, **range),
    "bayes_ucb": al.bayes_ucb,
    "successive_elimination": al.successive_elimination,
}


@pytest.mark.parametrize("name", ALIASES)
def test_a_range_that_does_not_hold_the_rewards_is_refused_or_flagged(name):
    with pytest.raises(ValueError, match=r"takes rewards in \[0, 1\] and GaussianBandit pays in \[-inf, inf\]"):
        al.simulate(ALIASES[name](2), al.GaussianBandit([0.0, 1.0]), KEY, horizon=2)
    policy = ALIASES[name](2, low=-2.0, high=2.0)
    menu = al.menu(jnp.arange(2))
    choice = al.Choice(jnp.int32(0), jnp.ones(()), jnp.bool_(False), jnp.bool_(True), jnp.int32(0))
    for y, flagged in ((-2.0, False), (2.0, False), (2.1, True), (-3.0, True)):
        state = policy.update(policy.init(KEY), menu, choice, al.Outcome(jnp.asarray(y), jnp.ones(())))
        assert bool(state.status & 16) == flagged
        assert all(np.isfinite(x).all() for x in jax.tree.leaves(state.belief))


@pytest.mark.parametrize("name", [n for n in ALIASES if n != "thompson_bernoulli"])
def test_the_units_of_rewards_do_not_matter(name):
    """The same choices for rewards in [0, 1] and for 5 - 10 times as many lost, in their own range."""
    menu, order = al.menu(jnp.arange(3)), np.array([0, 1, 2, 0, 1, 0, 0, 2])
    y = np.array([0.2, 0.9, 0.4, 0.3, 0.8, 0.1, 0.6, 0.5])
    scores = []
    for low, width in ((0.0, 1.0), (-5.0, 10.0)):
        policy = ALIASES[name](3, low=low, high=low + width)
        belief = policy.belief
        for k, v in zip(order, low + width * y, strict=True):
            belief = belief.update(menu[k], v)
        score = np.asarray(policy.score(belief, menu, KEY), np.float64)
        scores.append(score if name == "successive_elimination" else (score - low) / width)
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-4, atol=1e-5)


def test_subgaussian_rewards_need_their_scale():
    bandit = al.GaussianBandit([0.0, 1.0], sd=2.0)
    with pytest.raises(ValueError, match="sub-Gaussian scale 1 and those of GaussianBandit have 2: build the policy"):
        al.simulate(al.ucb1(2, noise=1.0), bandit, KEY, horizon=2)
    al.simulate(al.moss(2, 100, noise=2.0), bandit, KEY, horizon=2)


def test_an_arm_that_opens_late_is_explored_then():
    """The best arm opens after 40 rounds; whatever explores finds it, and explore-then-commit plays it in turn."""
    means = jnp.array([0.1, 0.2, 0.95])
    policies = {**{n: make(3) for n, make in ALIASES.items()}, "etc": al.explore_then_commit(3, 5)}
    for name, policy in policies.items():

        def round_(state, t, policy=policy):
            menu = al.menu(jnp.arange(3), open=jnp.ones(3, bool)).replace(
                open=jnp.array([True, True, False]) | (t >= 40)
            )
            choose, pay = jax.random.split(jax.random.fold_in(KEY, t))
            choice = policy.select(state, menu, choose)
            y = (jax.random.uniform(pay) < means[choice.item]).astype(jnp.float32)
            return policy.update(state, menu, choice, al.Outcome(y, jnp.ones(()))), choice.item

        item = np.asarray(plain.quick(lambda s, f=round_: jax.lax.scan(f, s, jnp.arange(400)))(policy.init(KEY))[1])
        assert (item[:40] < 2).all(), name
        assert (item[40:] == 2).mean() > 0.4, name


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: al.counts(2, low=0.0), "counts needs both low and high, or neither"),
        (lambda: al.kl_ucb(2, low=1.0, high=1.0), "counts low must be below high; they are 1 and 1"),
        (lambda: al.beta_bernoulli(2, low=np.inf), "beta_bernoulli low must be finite"),
        (lambda: al.moments(0), "moments arms must be a whole number of at least 1"),
        (lambda: al.contenders(2, delta=1.0), "contenders delta must lie between 0 and 1; it is 1"),
        (lambda: al.gaussian_arms(2, noise=0.0), "gaussian_arms noise must be above 0"),
        (lambda: al.moss(2, 0), "moss horizon must be above 0"),
        (lambda: al.explore_then_commit(2, 0), "explore_then_commit pulls must be a whole number of at least 1"),
        (lambda: al.epsilon_decreasing(2, 0.0), "epsilon_decreasing gap must lie between 0 and inf"),
        (lambda: al.EpsilonDecay(al.ucb1(2), -1.0), "EpsilonDecay scale must be at least 0"),
    ],
)
def test_bad_arguments_are_one_sentence(build, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        build()
    assert "\n" not in str(error.value)
