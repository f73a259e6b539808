"""Networks as beliefs, against plain loops of Flax and optax and against the beliefs they contain."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from scipy import special, stats

import altheory as al

nn = pytest.importorskip("flax.linen", reason="networks are written in Flax: pip install flax")
optax = pytest.importorskip("optax", reason="networks are trained by optax: pip install optax")
quick = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})

N, D, C = 6, 3, 3
X, Y, NOISE = reference.problem(C, n=N)
NOISE[:2] = 0
ITEMS = al.menu(jnp.asarray(X))


class Net(nn.Module):
    width: int = 4
    rate: float = 0.0

    @nn.compact
    def __call__(self, x, train: bool = False):
        x = jnp.tanh(nn.Dense(self.width)(x))
        return nn.Dense(C)(nn.Dropout(self.rate, deterministic=not train)(x))


class Masked(nn.Module):
    """Dropout of the features, then one linear layer."""

    @nn.compact
    def __call__(self, x, deterministic: bool):
        return nn.Dense(2, use_bias=False)(nn.Dropout(0.25, deterministic=deterministic)(x))


class Identity(nn.Module):
    @nn.compact
    def __call__(self, x):
        return x


class Normed(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(C)(nn.BatchNorm(use_running_average=True)(x))


def fold(belief, x, y, noise):
    rows = al.menu(x, noise=noise)
    return jax.lax.scan(lambda b, i: (b.update(rows[i], y[i]), None), belief, jnp.arange(len(x)))[0]


learn = quick(fold)


def same(a, b, tolerance=1e-4):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


def posterior(params, x, y, noise, prior):
    """The loss, written out."""
    p = jax.nn.softmax(Net().apply(params, x))
    seen = (1 - noise) * p[jnp.arange(len(y)), y] + noise / (C - 1) * (1 - p[jnp.arange(len(y)), y])
    return -jnp.log(seen).mean() + prior / 2 / len(y) * sum((q**2).sum() for q in jax.tree.leaves(params))


def test_members_are_trained_as_by_a_plain_loop():
    """Warm: three labels come one by one through a ring of two, four Adam steps each."""
    belief = al.deep_ensemble(Net(), D, C, members=2, learning_rate=0.05, prior=0.3, steps=4, capacity=2)
    learned = learn(belief, X[:3], Y[:3], NOISE[:3])
    optimizer = optax.adam(0.05)

    @quick
    def step(params, state, x, y, noise):
        move, state = optimizer.update(jax.grad(posterior)(params, x, y, noise, 0.3), state)
        return optax.apply_updates(params, move), state

    for m in range(2):
        params = jax.tree.map(lambda a, m=m: a[m], belief.params)
        state = optimizer.init(params)
        for held in ([0], [0, 1], [2, 1]):
            for _ in range(4):
                params, state = step(params, state, X[held], Y[held], NOISE[held])
        same(jax.tree.map(lambda a, m=m: a[m], learned.params), params)
    each = np.stack(
        [special.softmax(Net().apply(jax.tree.map(lambda a, m=m: a[m], learned.params), X), 1) for m in (0, 1)]
    )
    np.testing.assert_allclose(learned.probs(ITEMS), each.mean(0), atol=1e-5)
    drawn = learned.predictive(ITEMS.replace(noise=jnp.full(N, 0.3)), jax.random.key(0), 4)
    np.testing.assert_allclose(np.sort(drawn, 0)[::2], np.sort(0.7 * each + 0.15 * (1 - each), 0), atol=1e-5)


def test_a_cold_start_depends_on_the_labels_held_alone():
    belief = al.deep_ensemble(Net(), D, C, members=2, learning_rate=0.05, steps=4, warm=False, capacity=N)
    order = np.array([3, 0, 5, 1, 4, 2])
    one, other = learn(belief, X, Y, NOISE), learn(belief, X[order], Y[order], NOISE[order])
    same(one.params, other.params)
    again = learn(belief.init(jax.random.key(7)), X, Y, NOISE)
    assert not np.allclose(again.probs(ITEMS), one.probs(ITEMS), atol=1e-3)


def test_runs_of_a_study_start_from_networks_of_their_own():
    belief = al.mc_dropout(Net(rate=0.5), D, C, steps=1, capacity=4)
    state = al.random(belief).init(jax.random.key(1))
    assert not np.allclose(state.belief.probs(ITEMS), belief.probs(ITEMS), atol=1e-3)
    assert not np.allclose(
        al.SetPolicy(belief, al.badge_rule).init(jax.random.key(1)).belief.probs(ITEMS), belief.probs(ITEMS)
    )


def _start(key, x):
    return {"in": jax.random.normal(key, (x.shape[1], 8)), "bias": jnp.ones(8), "out": jnp.zeros((8, 2))}


def _apply(params, x):
    return jnp.matmul(jnp.tanh(jnp.matmul(x, params["in"]) + params["bias"]), params["out"])


Network = al.Network(_start, _apply)


def test_dropped_features_have_the_mean_and_variance_of_their_masks():
    """At alpha = 1e-6: a log-odds is a sum of features, each kept with probability 3/4 and scaled by 4/3."""
    belief = al.mc_dropout(Masked(), 8, steps=1, capacity=2)
    x = np.random.default_rng(1).normal(size=(3, 8)).astype(np.float32)
    x = np.concatenate([x, 2 * x[:1]])
    draws = 4000
    p = quick(lambda k: belief.predictive(al.menu(jnp.asarray(x)), k, draws))(jax.random.key(0))
    odds = np.log(p[..., 1] / p[..., 0])
    w = np.asarray(jax.tree.leaves(belief.params)[0])
    each = x * (w[:, 1] - w[:, 0])
    z = stats.norm.isf(1e-6 / 4 / len(x))
    variance = (each**2).sum(1) / 3
    assert (np.abs(odds.mean(0) - each.sum(1)) < z * np.sqrt(variance / draws)).all()
    assert (np.abs(odds.var(0) / variance - 1) < z * np.sqrt(2 / draws)).all()
    np.testing.assert_allclose(odds[:, 3], 2 * odds[:, 0], rtol=1e-3, atol=1e-4)
    mean = np.asarray(belief.mean(al.menu(jnp.asarray(x))))
    np.testing.assert_allclose(special.logit(mean), each.sum(1), rtol=1e-3, atol=1e-4)


def test_a_last_layer_on_fixed_features_is_the_logistic_belief():
    classes = 4
    x, y, noise = reference.problem(classes, n=30)
    belief = al.last_layer(Identity(), 3, classes, prior=0.7, steps=0, newton=3, capacity=64)
    learned = learn(belief, x, y, noise)
    logistic = learn(al.logistic(3, classes, prior=0.7, capacity=64, steps=3), x, y, noise)
    np.testing.assert_allclose(learned.weights, logistic.weights, atol=2e-3)
    menu = al.menu(jnp.asarray(x[:5]))
    np.testing.assert_allclose(learned.probs(menu), logistic.probs(menu), atol=1e-3)
    np.testing.assert_array_equal(learned.embed(menu), x[:5])
    draws = 4000
    drawn = quick(learned.draws, static_argnums=1)(jax.random.key(0), draws)
    information = reference.information(learned.weights, x, noise, 0.7, classes)
    white = np.asarray(drawn - learned.weights, np.float64).reshape(draws, -1) @ np.linalg.cholesky(information)
    size = white.shape[1]
    z = stats.norm.isf(1e-6 / 2 / size**2)
    assert (np.abs(white.mean(0)) < z / np.sqrt(draws)).all()
    assert (np.abs(white.T @ white / draws - np.eye(size)) < z * np.sqrt((1 + np.eye(size)) / draws)).all()


def test_a_trained_body_stands_at_its_heads_mode():
    belief = al.last_layer(Network._replace(apply=_features), D, C, steps=5, newton=4, capacity=N, prior=0.5)
    learned = learn(belief, X, Y, NOISE)
    assert not np.allclose(learned.params["body"]["in"], belief.params["body"]["in"], atol=1e-2)
    h = np.asarray(learned.embed(ITEMS))
    truth = reference.mode(h, Y, NOISE, 0.5, C)
    np.testing.assert_allclose(learned.weights, truth, atol=5e-3)


def _features(params, x):
    return jnp.tanh(jnp.matmul(x, params["in"]) + params["bias"])[:, :4]


def test_any_optimizer_and_any_module_will_do():
    finished = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-2, weight_decay=0.1))
    nnx = pytest.importorskip("flax.nnx")
    graph = nnx.graphdef(nnx.eval_shape(lambda: nnx.Linear(D, C, rngs=nnx.Rngs(0))))

    def start(key, x):
        return nnx.to_pure_dict(nnx.state(nnx.Linear(D, C, rngs=nnx.Rngs(params=key))))

    def apply(params, x):
        return nnx.merge(graph, nnx.State(params))(x)

    belief = al.deep_ensemble(al.Network(start, apply), D, C, members=2, optimizer=finished, steps=3, capacity=4)
    learned = learn(belief, X, Y, NOISE)
    before, after = (np.log(np.asarray(b.probs(ITEMS))[np.arange(N), Y]).mean() for b in (belief, learned))
    assert after > before


def test_a_committee_of_ridge_regressions_counts_as_the_bootstrap_says():
    belief = al.bootstrap(al.linear(D, prior=0.5, noise=1.0), members=3, seed=5)
    y = X.sum(1)
    learned = learn(belief, X, y, np.zeros(N, np.float32))
    keys = [jax.random.fold_in(jax.random.key(5), t + 1) for t in range(N)]
    counts = np.stack([al.core.random.poisson_one(k, (3,)) for k in keys])
    assert len(set(map(tuple, counts.T))) == 3
    for m in range(3):
        precision = 0.5 * np.eye(D) + (X * counts[:, m, None]).T @ X
        theta = np.linalg.solve(precision, X.T @ (counts[:, m] * y))
        mine = np.asarray(jax.tree.map(lambda a, m=m: a[m], learned.copies.belief).point)
        np.testing.assert_allclose(mine, theta, atol=1e-3)
    np.testing.assert_allclose(learned.mean(ITEMS), learned.copies.ask("mean", ITEMS).mean(0))
    assert (np.asarray(learned.std(ITEMS)) > 0).all()


def test_counts_are_poisson():
    """Chi-square over 0..5 and more at alpha = 1e-6."""
    n = 20_000
    drawn = np.minimum(al.core.random.poisson_one(jax.random.key(0), (n,)), 5)
    expected = np.append(stats.poisson.pmf(np.arange(5), 1), stats.poisson.sf(4, 1)) * n
    assert stats.chisquare(np.bincount(drawn, minlength=6), expected).pvalue > 1e-6


def test_certain_labels_never_break_the_loss():
    learned = al.deep_ensemble(Network, D, members=1, steps=1, capacity=2).trainer
    params = {"in": jnp.zeros((D, 8)), "bias": jnp.ones(8), "out": jnp.full((8, 2), 1e4) * jnp.array([1, -1])}
    rows = (jnp.ones((2, D)), jnp.array([1, 1]), jnp.array([0.0, 0.1]), jnp.ones(2), jnp.float32(2), None)
    value, slope = jax.value_and_grad(learned.loss)(params, *rows)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(slope))


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match=r"deep_ensemble network must map \[n, 3\] to \[n, 2 logits\]; .* \[2, 3\]"):
        al.deep_ensemble(Net(), 3, 2)
    with pytest.raises(ValueError, match=r"it also keeps batch_stats, which a pure update can't change"):
        al.deep_ensemble(Normed(), D, C)
    with pytest.raises(ValueError, match=r"mc_dropout network must take `train` or `deterministic`"):
        al.mc_dropout(Identity(), 2)
    with pytest.raises(ValueError, match=r"last_layer prior must be above 0"):
        al.last_layer(Identity(), 2, prior=0.0)
    with pytest.raises(TypeError, match=r"DeepEnsemble\.sample is defined for 2 classes"):
        al.deep_ensemble(Net(), D, C).sample(ITEMS, jax.random.key(0))
    with pytest.raises(TypeError, match=r"bootstrap needs a belief with `probs` or `mean`; int has neither"):
        al.bootstrap(3)


@pytest.mark.parametrize("capacity", [8, 400])
def test_labels_known_beforehand_are_learned_at_once_and_the_last_are_kept(capacity):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, D)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int32) + (x[:, 1] > 1)
    empty = al.deep_ensemble(Net(), D, C, members=2, steps=1, batch=32, capacity=capacity)
    taught = empty.taught(jnp.asarray(x), jnp.asarray(y, jnp.int32), passes=40)
    menu = al.menu(jnp.asarray(x))
    assert (np.argmax(taught.probs(menu), -1) == y).mean() > 0.9 > (np.argmax(empty.probs(menu), -1) == y).mean()
    held = min(capacity, 300)
    assert int(taught.ring.live.sum()) == held
    np.testing.assert_array_equal(np.asarray(taught.ring.x)[:held], x[-held:])
    after = jax.jit(taught.update)(menu[0], jnp.int32(y[0]))
    assert int(after.ring.seen) == held + 1
    np.testing.assert_array_equal(np.asarray(after.ring.x)[held % capacity], x[0])
