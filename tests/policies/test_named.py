"""The named algorithms, against plain numpy loops of the same algorithms."""

import jax
import jax.numpy as jnp
import numpy as np
import plain
import pytest

import altheory as al

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("policy", "index"),
    [
        (al.ucb1(4), plain.ucb1),
        (al.ucb1(4, scale=0.0), plain.greedy),
        (al.thompson_bernoulli(4), plain.thompson),
        (al.random(4), plain.uniform),
    ],
    ids=["ucb1", "greedy", "thompson", "random"],
)
def test_mean_regret_and_its_law_are_those_of_a_numpy_loop(policy, index):
    plain.agree(plain.compiled(policy), plain.loop(index))


X = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], np.float32)


def fitted(policy):
    belief = policy.belief
    for i, y in [(0, 1.0), (1, 0.5), (0, 0.8)]:
        belief = belief.update(al.menu(X)[i], y)
    return belief


def test_linucb_scores_are_its_index():
    precision = 2 * np.eye(2) + 2 * np.outer(X[0], X[0]) + np.outer(X[1], X[1])
    theta = np.linalg.solve(precision, 1.8 * X[0] + 0.5 * X[1])
    width = np.sqrt(np.einsum("kd,de,ke->k", X, np.linalg.inv(precision), X))
    radius = np.sqrt(2 * np.log(10) + np.log(np.linalg.det(precision) / 4)) + np.sqrt(2) * 3
    for policy, beta in (
        (al.linucb(2, prior=2.0, delta=0.1, bound=3.0), radius),
        (al.linucb(2, prior=2.0, alpha=0.5), 0.5),
    ):
        np.testing.assert_allclose(
            policy.score(fitted(policy), al.menu(X), KEY), X @ theta + beta * width, rtol=1e-4, atol=1e-5
        )


def test_lints_scores_are_a_posterior_draw():
    policy = al.lints(2, prior=2.0)
    belief = fitted(policy)
    np.testing.assert_array_equal(policy.score(belief, al.menu(X), KEY), belief.sample(al.menu(X), KEY))


@pytest.mark.parametrize("policy", [al.linucb(2), al.linucb(2, alpha=1.0), al.lints(2)], ids=["oful", "ucb", "lints"])
def test_linear_policies_find_the_best_arm(policy):
    bandit = al.LinearBandit(X, [0.0, 1.0], sd=0.1)
    _, trace = al.simulate(policy, bandit, KEY, horizon=200)
    assert float(trace["regret"][100:].mean()) < 0.5 * float(trace["regret"][:5].mean()) + 0.05
    assert int(jnp.bincount(trace.item[100:], length=3).argmax()) == 2


def test_random_learns_with_the_belief_it_is_given():
    belief = al.linear(2)
    assert al.random(belief).belief is belief
    assert isinstance(al.random(3).belief, al.Counts)
