"""Logistic bandits against plain numpy, their confidence by hand, and a network's last layer that learns."""

import jax
import jax.numpy as jnp
import numpy as np
import plain
import pytest

import altheory as al

KEY = jax.random.key(0)
THETA, K = np.array([2.0, -1.5]), 4


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def numpy_loop(draw, seeds=150):
    """Total regret `[seeds]` where `draw(mode, hessian, bound, x, rng)` scores items `x [seeds, K, d]`."""
    rng, d = np.random.default_rng(3), 2
    mode, total = np.zeros((seeds, d)), np.zeros(seeds)
    xs, ys = np.zeros((seeds, plain.HORIZON, d)), np.zeros((seeds, plain.HORIZON))
    who = np.arange(seeds)
    for t in range(plain.HORIZON):
        x = rng.normal(size=(seeds, K, d))
        x /= np.linalg.norm(x, axis=-1, keepdims=True)
        p = sigmoid(np.einsum("stk,sk->st", xs, mode)) if t else np.zeros((seeds, plain.HORIZON))
        weight = (p * (1 - p)) * (np.arange(plain.HORIZON) < t)
        hessian = np.eye(d) + np.einsum("st,std,ste->sde", weight, xs, xs)
        bound = np.eye(d) + 0.25 * np.einsum("std,ste->sde", xs, xs)
        arm = draw(mode, hessian, bound, x, rng).argmax(1)
        value = sigmoid(x @ THETA)
        xs[:, t], ys[:, t] = x[who, arm], rng.random(seeds) < value[who, arm]
        total += value.max(1) - value[who, arm]
        live = np.arange(plain.HORIZON) <= t
        for _ in range(4):
            p = sigmoid(np.einsum("std,sd->st", xs, mode))
            slope = np.einsum("st,std->sd", (ys - p) * live, xs) - mode
            bend = np.eye(d) + np.einsum("st,std,ste->sde", p * (1 - p) * live, xs, xs)
            mode = mode + np.linalg.solve(bend, slope[..., None])[..., 0]
    return total


def optimism(mode, hessian, bound, x, rng):
    width = np.sqrt(np.einsum("skd,sde,ske->sk", x, np.linalg.inv(bound), x))
    return np.einsum("skd,sd->sk", x, mode) + width


def posterior_draw(mode, hessian, bound, x, rng):
    root = np.linalg.cholesky(np.linalg.inv(hessian))
    drawn = mode + np.einsum("sde,se->sd", root, rng.normal(size=mode.shape))
    return np.einsum("skd,sd->sk", x, drawn)


@pytest.mark.parametrize(
    ("policy", "draw"),
    [(al.glm_ucb(2, capacity=100), optimism), (al.thompson_logistic(2, capacity=100), posterior_draw)],
    ids=["glm_ucb", "thompson_logistic"],
)
def test_regret_and_its_law_are_those_of_a_numpy_loop(policy, draw):
    plain.agree(plain.compiled(policy, al.LogisticBandit(THETA, K), seeds=150), numpy_loop(draw))


def test_index_and_radius_by_hand():
    x = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 2.0]], np.float32)
    policy = al.glm_ucb(2, width=None, delta=0.1, bound=1.5, length=2.0, prior=2.0)
    belief = policy.belief
    for i, y in ((0, 1), (1, 0), (2, 1), (0, 1)):
        belief = belief.update(al.menu(x)[i], y)
    shape = 2 * np.eye(2) + 0.25 * sum(np.outer(x[i], x[i]) for i in (0, 1, 2, 0))
    radius = np.sqrt(2 * np.log(10) + np.log(np.linalg.det(shape) / 4)) + np.sqrt(2) * 1.5
    np.testing.assert_allclose(belief.radius(0.1, 1.5), radius, rtol=1e-5)
    width = np.sqrt(np.einsum("kd,de,ke->k", x, np.linalg.inv(shape), x))
    np.testing.assert_allclose(belief.width(al.menu(x)), width, rtol=1e-4)
    odds = x @ np.asarray(belief.weights[0])
    np.testing.assert_allclose(belief.log_odds(al.menu(x)), odds, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(sigmoid(odds), belief.mean(al.menu(x)), rtol=1e-5)
    kappa = 4 * sigmoid(3.0) * (1 - sigmoid(3.0))
    np.testing.assert_allclose(policy.score(belief, al.menu(x), KEY), sigmoid(odds + radius / kappa * width), rtol=1e-4)
    fixed = al.glm_ucb(2, width=0.7)
    np.testing.assert_allclose(fixed.score(belief, al.menu(x), KEY), sigmoid(odds + 0.7 * width), rtol=1e-4)


def test_three_classes_have_no_log_odds():
    with pytest.raises(TypeError, match="log_odds is defined for 2 classes; this belief has 3"):
        al.logistic(2, 3).log_odds(al.menu(jnp.ones((2, 2))))


def test_a_network_learns_what_no_line_can():
    """Rewards by the sign of a product of features: chance for a linear model, not for a network's last layer."""
    import flax.linen as nn

    class Body(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.tanh(nn.Dense(16)(x))

    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int32)
    policy = al.neural_linear(Body(), 2, capacity=80, steps=15, learning_rate=0.05, prior=0.05)
    menu = al.menu(x)

    def one(belief, i):
        return belief.update(menu[i], jnp.asarray(y)[i]), None

    belief = plain.quick(lambda b: jax.lax.scan(one, b, jnp.arange(80))[0])(policy.belief)
    right = (np.asarray(belief.mean(menu))[80:] > 0.5) == y[80:]
    assert right.mean() > 0.8
    score = np.asarray(policy.score(belief, menu, KEY))
    assert ((score > 0) & (score < 1)).all()
