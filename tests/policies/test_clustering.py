"""Clustering with a strong oracle: what similarity saves, budgets, and bad input."""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import altheory as al

RNG = np.random.default_rng(0)
N, CLUSTERS = 200, 10
LABEL = np.arange(N) % CLUSTERS
SAME = LABEL[:, None] == LABEL
X = RNG.standard_normal((CLUSTERS, 16))[LABEL] + 0.75 * RNG.standard_normal((N, 16))
WEAK = X @ X.T / np.linalg.norm(X, axis=1) / np.linalg.norm(X, axis=1)[:, None]
DATA = Path(os.environ.get("ALTHEORY_DATA", Path(__file__).parents[3] / "shared" / "data")) / "em_dblp_scholar"


def wrong(r):
    """Disagreements of the clustering so far."""
    state = getattr(r.state, "inner", r.state)
    return al.disagreements(r.oracle.same, state.clusters).astype(jnp.float32)


def run(policies, same=SAME, horizon=2000, seeds=4, **more):
    oracle, key = al.ClusterPairs(same, **more), jax.random.key(0)
    study = al.study(policies, oracle, key, horizon=horizon, seeds=seeds, record=(al.cost, wrong))
    study.raise_for_status()
    return study.data["wrong"], study.data["cost"].sum("round")


def test_similarity_finds_the_clusters_with_a_fraction_of_the_questions():
    noise = RNG.standard_normal((N, N))
    left, calls = run({
        "ranked": al.KwikCluster(WEAK), "by age": al.KwikCluster(WEAK, ranked=False), "noise": al.KwikCluster(noise),
    })  # fmt: skip
    assert (left.isel(round=-1) == 0).all()
    at = left.isel(round=2 * N - 1).mean("seed")
    assert at.sel(policy="ranked") < at.sel(policy="by age") / 2
    assert at.sel(policy="noise") > 0.8 * at.sel(policy="by age")
    assert (calls <= N * CLUSTERS).all()
    assert left.isel(round=0).min() > 1800


def test_every_budget_is_kept_and_the_clustering_is_one_at_any_time():
    policy = al.Budgeted(al.KwikCluster(WEAK), 150.0)
    left, paid = run({"p": policy}, price=0.7)
    assert (paid <= 150).all()
    assert (paid > 149).all()
    ahead, _ = run({"p": al.KwikCluster(WEAK)}, price=0.7)
    np.testing.assert_array_equal(left.isel(round=-1), ahead.isel(round=213))


def plain(same, weak, order, above, ranked, most):
    """The clusters and the number of questions, by loops."""
    pivots, clusters, calls = [], {}, 0
    for one in order:
        near = [p for p in pivots if weak[one, p] >= above]
        near = sorted(near, key=lambda p: -weak[one, p]) if ranked else near
        for tried in near[:most]:
            calls += 1
            if same[one, tried]:
                clusters[one] = tried
                break
        else:
            pivots.append(one)
            clusters[one] = one
    return np.array([clusters[i] for i in range(len(same))]), calls


@pytest.mark.parametrize("ranked", [True, False])
@pytest.mark.parametrize(("above", "most"), [(-9.0, 99), (0.2, 99), (-9.0, 2)])
def test_it_agrees_with_loops_on_graphs_that_are_not_transitive(ranked, above, most):
    rng, n = np.random.default_rng(5), 12

    @jax.jit
    def fast(same, weak, order):
        policy = al.KwikCluster(weak, above, most, order, ranked=ranked)
        state, trace = al.simulate(policy, al.ClusterPairs(same), jax.random.key(0), horizon=n * n, record=(al.labels,))
        return state.clusters, trace["labels"].sum(), state.at

    for _ in range(15):
        same = np.triu(rng.random((n, n)) < 0.3, 1)
        same = same | same.T
        weak = rng.standard_normal((n, n))
        order = rng.permutation(n)
        clusters, calls, at = fast(jnp.asarray(same), jnp.asarray(weak, jnp.float32), jnp.asarray(order, jnp.int32))
        slow, asked = plain(same, weak, order, above, ranked, most)
        np.testing.assert_array_equal(clusters, slow)
        assert int(calls) == asked
        assert int(at) == n


def test_a_pair_that_is_closed_is_not_asked_about():
    policy = al.KwikCluster(np.ones((3, 3)), order=np.arange(3))
    oracle = al.ClusterPairs(np.ones((3, 3), bool))
    state, menu = policy.init(jax.random.key(0)), oracle.offer(())
    shut = menu.closing(jnp.arange(9) == 3)
    choice = policy.select(state, shut, jax.random.key(0))
    assert not choice.valid
    assert not choice.stop
    state = policy.update(state, shut, choice, al.Outcome(jnp.ones(()), jnp.ones(())))
    np.testing.assert_array_equal(state.pivot, [0, 1, -1])
    assert policy.select(state, menu.closing(jnp.ones(9, bool)), jax.random.key(0)).stop


def test_one_item_needs_no_question():
    policy = al.KwikCluster(np.ones((1, 1)))
    state = policy.init(jax.random.key(0))
    assert policy.select(state, al.ClusterPairs(np.ones((1, 1), bool)).offer(()), jax.random.key(0)).stop
    np.testing.assert_array_equal(state.clusters, [0])


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"weak must be \[n, n\]; its shape is \(2, 3\)"):
        al.KwikCluster(np.ones((2, 3)))
    with pytest.raises(ValueError, match="order must be a permutation of 2 items"):
        al.KwikCluster(np.ones((2, 2)), order=np.array([0, 0]))
    with pytest.raises(ValueError, match="same must be a symmetric"):
        al.ClusterPairs(np.triu(np.ones((3, 3), bool)))


@pytest.mark.skipif(not DATA.exists(), reason="real data is not here")
def test_records_of_papers_are_matched_with_few_questions_by_their_embeddings():
    pairs = pd.read_parquet(DATA / "pairs.parquet")
    vectors = np.load(DATA / "emb_minilm_records.npy").astype(np.float32)
    match = pairs[pairs.label == 1].head(120)
    records = np.unique(match[["a", "b"]].to_numpy())
    place = {int(r): i for i, r in enumerate(records)}
    same = np.eye(len(records), dtype=bool)
    for a, b in match[["a", "b"]].to_numpy():
        same[place[int(a)], place[int(b)]] = same[place[int(b)], place[int(a)]] = True
    while ((same @ same) != same).any():
        same = same @ same
    weak = vectors[records] @ vectors[records].T
    budget = 2 * len(records)
    left, _ = run(
        {"ranked": al.KwikCluster(weak, most=3), "by age": al.KwikCluster(weak, ranked=False)},
        same, horizon=budget, seeds=2,
    )  # fmt: skip
    end = left.isel(round=-1).mean("seed")
    assert end.sel(policy="ranked") < 0.25 * end.sel(policy="by age")
