"""Theorems on instances that hypothesis makes hard, beside those that they bring along."""

import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import NEAR, accuracies, boxes, covers, gaps, laws, pools

import altheory as al
from altheory import designs
from altheory import guarantees as theorems
from altheory.designs import bounds
from altheory.guarantees.adversarial import igw_excess
from altheory.guarantees.submodular import Weighted, best
from altheory.scores.objectives import Coverage


def holds(g, seen, *args):
    """One instance, judged as `verify` judges it."""
    seen, bound = np.ravel(np.asarray(seen, np.float64)), np.ravel(np.asarray(g.bound(*args), np.float64))
    finding = g.bounds.judge(seen[None], bound, alpha=1e-9)
    assert not finding.violated, finding.detail


@given(pools(), st.integers(0, 2**32 - 1), st.sampled_from([0.05, 1.0, 30.0]))
def test_leverages_of_any_design(x, seed, even):
    """Their mean is d, none exceeds 1/weight, and the largest is at least d: from a design with weights near zero."""
    w = np.random.default_rng(seed).dirichlet(np.full(len(x), even))
    scale = np.abs(x).max(0)
    x, d = x / np.where(scale > 0, scale, 1), x.shape[1]
    v = (x * w[:, None]).T @ x
    if np.linalg.cond(v) > 1e8:
        return
    leverage = np.einsum("nd,dn->n", x, np.linalg.solve(v, x.T))
    low, high = bounds.log_det_interval(float(leverage.max()), d)
    assert abs(w @ leverage - d) < 1e-6 * d
    assert (w * leverage).max() <= 1 + 1e-6
    assert leverage.max() >= d * (1 - 1e-6)
    assert low <= high * (1 + 1e-9) + 1e-12


@given(laws(rows=(1, 1), outcomes=(2, 6)), st.integers(0, 30))
def test_rounding_keeps_its_share(p, more):
    w = p[0]
    support = int((w > 0).sum())
    counts = designs.apportion(w, support + more)
    assert counts.sum() == support + more
    assert (counts[w > 0] / w[w > 0]).min() >= bounds.rounding_factor(support + more, support) * (1 - 1e-9)


@given(laws(rows=(12, 12), outcomes=(3, 3)))
def test_information_of_sure_and_impossible_labels(p):
    draws = p.reshape(4, 3, 3)
    told = np.asarray(al.bald(draws), np.float64)
    holds(theorems.bald_mutual_information, np.stack([told, told, told]), draws)


@given(laws(rows=(20, 20), outcomes=(4, 4)))
def test_uncertainty_scores_of_sure_and_tied_rows(p):
    e, h, _ = theorems.hellman_raviv_fano.algorithm(p)
    holds(theorems.hellman_raviv_fano, np.concatenate([e, -np.log(np.maximum(1 - e, 1e-30)), h, [0.0]]), p)


@given(boxes())
def test_reservation_values_of_ties_and_dear_boxes(box):
    values, chances, prices = box
    index = np.asarray(al.reservation_value(al.DiscretePrize(values, chances), prices), np.float64)
    for v, p, c, k in zip(values, chances, prices, index, strict=True):
        assert abs(p @ np.maximum(v - k, 0) - c) <= 1e-4 * (1 + np.abs(v).max() + c)
        assert k <= v.max() + 1e-5


@given(covers(items=(7, 7), elements=(10, 10)))
def test_greedy_covers_of_copies_and_nested_sets(sets):
    f = Weighted(*sets)
    picks = np.asarray(al.greedy(Coverage(*sets), 4).picks)
    if len(set(sets[1].tolist())) > 1 and (sets[1] == np.rint(sets[1])).all():
        holds(theorems.lazy_greedy_equivalence, picks, f, 4)
    for k in (1, 3, 4):
        optimum = best(f, f.items, k)
        lost = [optimum - f(picks[:n]) for n in range(1, 5)]
        assert (np.array(lost) <= (1 - 1 / k) ** np.arange(1, 5) * optimum + 1e-4 * (1 + optimum)).all()


@given(accuracies)
def test_votes_of_the_nearly_sure_and_the_useless(p):
    ballots = np.array(np.meshgrid(*[[0, 1]] * len(p), indexing="ij")).reshape(len(p), -1).T
    yes, no = (np.where(ballots == c, p, 1 - p).prod(1) for c in (1, 0))
    side = (2 * ballots - 1) @ np.log(p / (1 - p))
    error = 0.5 * float((np.where(side > 0, no, np.where(side < 0, yes, (yes + no) / 2))).sum())
    least = np.asarray(theorems.weighted_majority_vote.bound(p))
    assert least[0] - NEAR <= error <= min(least[0], least[1]) + NEAR


@given(gaps(arms=(5, 5)), st.sampled_from([0.5, 4.0, 300.0]))
def test_inverse_gap_weighting_of_ties_and_near_ties(means, gamma):
    policy = theorems.squarecb_igw.algorithm(gamma)
    law = np.asarray(policy.weigh(jnp.asarray(means, jnp.float32), jnp.ones(5, bool)), np.float64)
    told = means.astype(np.float32).astype(np.float64)
    holds(theorems.squarecb_igw, [igw_excess(law, told, gamma)], 5, gamma)


@given(gaps(arms=(2, 6)), st.integers(2, 150))
def test_bandit_bounds_on_ties_and_sure_arms(means, rounds):
    """A regret bound is never negative, grows with time, and exceeds what the first pulls of each arm cost."""
    oracle, t = al.BernoulliBandit(means), np.array([float(rounds), 2.0 * rounds])
    for g in (theorems.ucb1_regret, theorems.kl_ucb_regret, theorems.thompson_bernoulli_regret):
        bound = np.asarray(g.bound(None, oracle, t))
        assert np.isfinite(bound).all()
        assert 0 <= bound[0] <= bound[1] * (1 + 1e-9)
    assert theorems.ucb1_regret.bound(None, oracle, t)[0] >= (means.max() - means).sum() - 1e-6
