"""Models that learn outside of JAX, in a loop of select and update, and numpyro's against the logistic belief."""

import importlib.util
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

import altheory as al

N, D, C, KEY = 40, 3, 3, jax.random.key(0)
X, Y, _ = reference.problem(C, n=N)
POOL = al.LabelPool(X, Y, held_out=0.3)
FOREST = RandomForestClassifier(n_estimators=5, random_state=0)


def trees(forest, x):
    return [tree.predict_proba(x) for tree in forest.estimators_]


BELIEFS = {
    "logistic regression": lambda: al.host_belief(LogisticRegression(), D, C),
    "its bootstrap": lambda: al.host_belief(LogisticRegression(), D, C, members=3),
    "forest": lambda: al.host_belief(FOREST, D, C, members=trees),
}
every = pytest.mark.parametrize("name", BELIEFS)


def run(policy, oracle, key, rounds):
    """The loop of `simulate`, in Python."""
    start, world_key = jax.random.split(key)
    state, world = policy.init(start), oracle.init(world_key)
    items = []
    for t in range(1, rounds + 1):
        select, answer = jax.random.split(jax.random.fold_in(key, t))
        menu = oracle.offer(world)
        choice = policy.select(state, menu, select)
        world, outcome = oracle.answer(world, choice, answer)
        state = policy.update(state, menu, choice, outcome)
        items += np.atleast_1d(choice.item).tolist()
    return state, world, items


@every
def test_a_policy_learns_from_labels_bought_one_by_one(name):
    belief = BELIEFS[name]()
    score = al.margin_score if name == "logistic regression" else al.score(al.bald_score, draws=6)
    state, world, items = run(al.Argmax(belief, score), POOL, KEY, 12)
    assert len(set(items)) == 12
    np.testing.assert_array_equal(state.belief.y, Y[items])
    np.testing.assert_array_equal(state.belief.x, X[items])
    assert belief.y.size == 0
    assert int(state.status) == 0
    if name != "its bootstrap":
        model = LogisticRegression() if name == "logistic regression" else FOREST
        direct = clone(model).fit(X[items], Y[items]).predict_proba(X)
        np.testing.assert_allclose(state.belief.probs(POOL.exam(world)[0]), direct, atol=1e-6)


def test_the_prediction_is_the_models_own_and_its_classes_are_in_their_columns():
    belief = al.host_belief(LogisticRegression(), D, 4)
    rows = al.menu(X)
    learned = belief.extend(rows, Y + 1, np.arange(N) < 20)
    mine = learned.probs(rows)
    theirs = LogisticRegression().fit(X[:20], Y[:20] + 1).predict_proba(X)
    np.testing.assert_allclose(mine[:, 1:], theirs, atol=1e-6)
    np.testing.assert_array_equal(mine[:, 0], 0)
    one = belief.update(rows[0], 2)
    np.testing.assert_allclose(one.probs(rows)[0], [0.2, 0.2, 0.4, 0.2])
    assert one.update(rows.replace(open=np.zeros(N, bool))[1], 1) is one


def test_members_are_the_trees_past_the_error_rate():
    learned = BELIEFS["forest"]().extend(al.menu(X), Y, np.ones(N, bool))
    menu = al.menu(X[:4], noise=jnp.full(4, 0.3))
    each = np.stack([t.predict_proba(X[:4]) for t in learned.fitted.estimators_])
    drawn = np.asarray(learned.predictive(menu, KEY, 5))
    np.testing.assert_allclose(np.sort(drawn, 0), np.sort(0.7 * each + 0.15 * (1 - each), 0), atol=1e-6)
    np.testing.assert_allclose(learned.probs(menu), each.mean(0), atol=1e-6)


PUBLIC = [getattr(al, name) for name in al.scores.__all__ if name.endswith("_score")]
PUBLIC = [score for score in PUBLIC if score.__module__ == "altheory.scores.wrappers"]
"""Every score of predicted labels."""


@every
def test_every_score_is_served_or_says_what_is_missing(name):
    belief = BELIEFS[name]().extend(al.menu(X), Y, np.arange(N) < 20)
    menu = al.menu(X[:6])
    for score in PUBLIC:
        bound = al.score(score, draws=4) if "predictive" in score.needs else score
        if all(hasattr(belief, what) for what in score.needs):
            assert np.isfinite(bound(belief, menu, KEY)).all()
        else:
            with pytest.raises(
                TypeError, match=r"needs a belief with `predictive`; HostBelief has none\. .*HostCommittee"
            ):
                bound(belief, menu, KEY)
    with pytest.raises(TypeError, match=r"the score ucb needs a belief with `mean`; Host\w+ has none"):
        al.ucb(belief, menu, KEY)


def test_sets_are_picked_by_rules_and_a_batch_is_one_fit():
    fits = []

    def fit(x, y):
        fits.append(len(y))
        return LogisticRegression().fit(x, y)

    model = al.HostModel(fit, lambda fitted, x: np.eye(C)[fitted.predict(x)] + 0.1)
    state, _, items = run(al.SetPolicy(al.host_belief(model, D, C), al.badge_rule, 4), POOL, KEY, 2)
    assert len(set(items)) == 8
    assert fits == [4, 8]
    state, _, items = run(
        al.Batched(al.Argmax(BELIEFS["its bootstrap"](), al.score(al.bald_score, draws=3)), 3), POOL, KEY, 2
    )
    assert len(set(items)) == len(state.belief.y) == 6
    with pytest.raises(TypeError, match=r"the score batch_bald_rule needs a belief with `predictive`"):
        run(al.SetPolicy(BELIEFS["logistic regression"](), al.batch_bald_rule, 2), POOL, KEY, 1)


def test_a_compiled_loop_is_refused_in_one_sentence():
    with pytest.raises(TypeError, match=r"HostBelief learns outside of JAX: call `select` and `update`"):
        al.simulate(al.random(BELIEFS["logistic regression"]()), POOL, KEY, horizon=2)
    with pytest.raises(TypeError, match=r"host_belief needs a model with `fit` and `predict_proba`.*; it got int"):
        al.host_belief(3, D)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_a_network_in_torch():
    import torch

    def fit(x, y):
        torch.manual_seed(0)
        net = torch.nn.Linear(D, C)
        optimizer = torch.optim.Adam(net.parameters(), 0.1)
        for _ in range(50):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(torch.tensor(x)), torch.tensor(y, dtype=torch.long)).backward()
            optimizer.step()
        return net

    model = al.HostModel(fit, lambda net, x: torch.softmax(net(torch.tensor(x)), -1).detach().numpy())
    state, world, _ = run(al.Argmax(al.host_belief(model, D, C), al.entropy_score), POOL, KEY, 8)
    menu, truth, counted = POOL.exam(world)
    assert (np.asarray(state.belief.probs(menu)).argmax(1) == truth)[np.asarray(counted)].mean() > 0.5


@pytest.mark.parametrize("method", ["nuts", "svi"])
def test_a_numpyro_model_agrees_with_the_logistic_belief(method):
    """Thirty noisy labels of two classes: predictions within 0.08 and spreads within 35 % of the Laplace belief's."""
    numpyro = pytest.importorskip("numpyro", reason="models are written in numpyro: pip install numpyro")
    x, y, noise = reference.problem(2, n=30, dim=2, seed=4)

    def model(x, y=None):
        w = numpyro.sample("w", numpyro.distributions.Normal(jnp.zeros(2), 1).to_event(1))
        with numpyro.plate("items", x.shape[0]):
            numpyro.sample("y", numpyro.distributions.Bernoulli(logits=x @ w), obs=y)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        belief = al.numpyro_belief(model, 2, method=method, draws=400, warmup=200, steps=1500, capacity=32)
        rows = al.menu(x, noise=noise)
        prior = np.asarray(belief.predictive(al.menu(x[:5]), KEY, 400))[..., 1]
        learned = belief.extend(rows, y, np.ones(30, bool))
        drawn = np.asarray(learned.predictive(al.menu(x[:5]), KEY, 400))[..., 1]
        again = learned.update(rows[0], y[0])
        for score in PUBLIC:
            bound = al.score(score, draws=4) if "predictive" in score.needs else score
            assert np.isfinite(bound(learned, al.menu(x[:5]), KEY)).all()
    logistic = reference.learn(al.logistic(2, prior=1.0, capacity=64), x, y, noise)
    laplace = np.asarray(logistic.predictive(al.menu(x[:5]), KEY, 400))[..., 1]
    np.testing.assert_allclose(drawn.mean(0), laplace.mean(0), atol=0.08)
    np.testing.assert_allclose(drawn.std(0), laplace.std(0), rtol=0.35, atol=0.01)
    assert (prior.std(0) > 1.2 * drawn.std(0)).all()
    np.testing.assert_allclose(learned.mean(al.menu(x[:5])), drawn.mean(0), atol=1e-5)
    assert int(again.ring.seen) == 31
