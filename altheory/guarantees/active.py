"""Theorems on information and uncertainty, against enumeration of every label and every sample."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from scipy.special import xlogy

from altheory.guarantees.evidence import Always, Equals
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.scores import bald, batch_bald, entropy, epig, least_confidence, lure, margin

Kernel = Callable[[np.ndarray], Any]
ROUNDING = 1e-6
"""What float32 may add to an entropy of few classes."""


def entropies(p: np.ndarray) -> np.ndarray:
    """Entropy over the last axis, in nats."""
    return np.asarray(-xlogy(p, p).sum(-1))


def _beliefs() -> Iterator[tuple[str, np.ndarray]]:
    """Draws `[6, 5, 3]`: hypotheses with and without noise, repeated, with zeros, and near copies of one question."""
    rng = np.random.default_rng(0)
    yield "noisy hypotheses", rng.dirichlet(np.ones(3), (6, 5))
    yield "noiseless hypotheses", np.eye(3)[rng.integers(0, 3, (6, 5))]
    yield "repeated hypotheses", np.repeat(rng.dirichlet(np.full(3, 0.3), (3, 5)), [3, 2, 1], 0)
    mixed = rng.dirichlet(np.full(3, 0.1), (6, 5))
    yield "zeros and noise", np.where(mixed < 0.05, 0, mixed) / np.where(mixed < 0.05, 0, mixed).sum(-1, keepdims=True)
    copies = np.zeros((6, 5, 3))
    copies[..., 0] = np.array([0, 0, 0, 1, 1, 1])[:, None]
    copies[:, 3:, 0] = np.array([[0.1, 0.9, 0.1, 0.9, 0.1, 0.9], [0.9, 0.9, 0.1, 0.1, 0.1, 0.9]]).T
    copies[..., 1] = 1 - copies[..., 0]
    yield "three copies of the best question", copies


def _hypotheses(p: np.ndarray) -> np.ndarray:
    """Which hypothesis each of the draws is, `[draws, hypotheses]`: equal draws are one."""
    return np.eye(len(p))[np.unique(p.reshape(len(p), -1), axis=0, return_inverse=True)[1].ravel()]


def _masses(p: np.ndarray) -> np.ndarray:
    """The prior masses of the different hypotheses among equally likely draws."""
    return _hypotheses(p).mean(0)


def _mutual_cases(algorithm: Kernel, trials: int) -> Iterator[Case]:
    for name, p in _beliefs():
        seen = np.asarray(algorithm(p), np.float64)
        yield Case(name, (p,), np.stack([seen, seen, seen]))


def _without_conditional(p: np.ndarray) -> np.ndarray:
    """A mutant: predictive entropy."""
    return entropies(p.mean(0))


def _mean_of_logs(p: np.ndarray) -> np.ndarray:
    """A mutant: the predictive law from the mean of logarithms."""
    g = np.exp(np.log(np.maximum(p, 1e-30)).mean(0))
    return entropies(g / g.sum(-1, keepdims=True)) - entropies(p).mean(0)


@guarantee(
    "BALD is the mean divergence of the draws from their mean, and the entropy a label takes off the draws on average",
    id="bald-mutual-information",
    family="active learning",
    latex=r"H(\bar p)-\mathbb EH(p_\theta)=\mathbb E\,\mathrm{KL}(p_\theta\|\bar p)=H(\theta)-\mathbb E_yH(\theta|y)",
    cite="houlsby2011bayesian",
    note="proofs_notes/bald-mutual-information.md",
    bounds=Equals(as_array, tolerance=1e-5),
    algorithm=bald,
    cases=_mutual_cases,
    mutants={"predictive entropy": _without_conditional, "mean of logarithms": _mean_of_logs},
)
def bald_mutual_information(p: np.ndarray) -> np.ndarray:
    """What the labels of `p [draws, items, classes]` say: as divergence, lost entropy, cut to its range, `[3, items]`.

    Cite: houlsby2011bayesian.
    """
    mean = p.mean(0)
    divergence = (xlogy(p, p) - xlogy(p, mean)).sum(-1).mean(0)
    lost = entropies(_masses(p)) - _posterior_entropy(p)
    most = min(math.log(p.shape[-1]), float(entropies(_masses(p))))
    return np.stack([divergence, lost, np.clip(divergence, 0, np.minimum(entropies(mean), most))])


def _posterior_entropy(p: np.ndarray, *, uniform: bool = False) -> np.ndarray:
    """Expected entropy of the hypotheses after an item's label, `[items]`."""
    joint = np.moveaxis(p, 0, -1) @ _hypotheses(p) / len(p)
    label = joint.sum(-1, keepdims=True)
    after = entropies(joint / np.where(label > 0, label, 1))
    weight = np.full_like(after, 1 / p.shape[-1]) if uniform else label[..., 0]
    return (weight * after).sum(-1)


def _by_epig(p: np.ndarray) -> np.ndarray:
    """Expected posterior entropy through `epig`: the target's label is the hypothesis itself."""
    return entropies(_masses(p)) - np.asarray(epig(p, _hypotheses(p)[:, None]), np.float64)


def _hurt_cases(algorithm: Kernel, trials: int) -> Iterator[Case]:
    rare = np.r_[np.repeat([[[0.1, 0.9]]], 9, 0), [[[0.9, 0.1]]]][..., ::-1]
    for name, p in [*_beliefs(), ("one label raises the entropy", np.ascontiguousarray(rare))]:
        found = np.asarray(algorithm(p), np.float64)
        yield Case(name, (p,), np.stack([found, found]))


def _uniform_labels(p: np.ndarray) -> np.ndarray:
    """A mutant: every label weighs the same."""
    return _posterior_entropy(p, uniform=True)


@guarantee(
    "A label drawn from the model's own law does not raise the entropy of the hypotheses on average",
    id="information-never-hurts",
    family="active learning",
    latex=r"\mathbb E_{y\sim\bar p}H(\theta\mid y) \le H(\theta)",
    cite="cover2006elements",
    note="proofs_notes/information-never-hurts.md",
    bounds=Always(as_array, tolerance=1e-5),
    algorithm=_by_epig,
    cases=_hurt_cases,
    mutants={"labels weighted alike": _uniform_labels},
)
def information_never_hurts(p: np.ndarray) -> np.ndarray:
    """The entropy before the label, and what is left by enumeration, `[2, items]`. Cite: cover2006elements."""
    before = np.full(p.shape[1], entropies(_masses(p)))
    return np.stack([before, _posterior_entropy(p)])


SIZES = (1, 2, 3, 4)
"""Numbers of draws whose samples are enumerated."""


def _expected(kernel: Kernel, p: np.ndarray, weight: np.ndarray, size: int) -> float:
    """The mean of a kernel over all samples of `size` of the hypotheses `p [K, C]`, drawn with their `weight [K]`."""
    samples = np.array(list(itertools.product(range(len(p)), repeat=size)))
    chance = weight[samples].prod(1)
    return float(chance @ np.asarray(kernel(p[samples.T]), np.float64))


def _exact_bald(p: np.ndarray) -> np.ndarray:
    return entropies(p.mean(0)) - entropies(p).mean(0)


def _bias_cases(algorithm: Kernel, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(1)
    hypotheses = {
        "noiseless": (np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]), np.array([0.5, 0.3, 0.2])),
        "noisy": (np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]]), np.array([0.4, 0.4, 0.2])),
        "any": (rng.dirichlet(np.ones(2), 3), rng.dirichlet(np.ones(3))),
    }
    for name, (p, weight) in hypotheses.items():
        got = np.array([_expected(algorithm, p, weight, m) for m in SIZES])
        target = float(entropies(weight @ p) - weight @ entropies(p))
        yield Case(name, (p, weight), np.concatenate([got, target - got, got[:-1]]))


def _entropy_of_mean_twice(p: np.ndarray) -> np.ndarray:
    """A mutant: both entropies from the mean."""
    return np.zeros(p.shape[1])


@guarantee(
    "BALD from M draws is below the posterior's information on average, by at most (C-1)/M, and grows with M",
    id="bald-mc-bias",
    family="active learning",
    latex=r"0 \le I-\mathbb E\hat I_M \le \frac{C-1}{M},\qquad \mathbb E\hat I_M \le \mathbb E\hat I_{M+1}",
    cite="paninski2003estimation",
    note="proofs_notes/bald-mc-bias.md",
    bounds=Always(as_array, tolerance=1e-5),
    algorithm=bald,
    cases=_bias_cases,
    mutants={"both entropies from the mean": _entropy_of_mean_twice, "predictive entropy": _without_conditional},
)
def bald_mc_bias(p: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """For hypotheses `p [K, C]` of mass `weight [K]`: the target, (C-1)/M, and the exact mean of one draw more.

    Cite: paninski2003estimation.
    """
    target = float(entropies(weight @ p) - weight @ entropies(p))
    more = [_expected(_exact_bald, p, weight, m) for m in SIZES[1:]]
    return np.array([*[target] * len(SIZES), *((p.shape[1] - 1) / m for m in SIZES), *more])


def _joint_information(p: np.ndarray, items: Any) -> float:
    """Information of the items' labels about equally likely draws, over all configurations."""
    law = np.ones((len(p), 1))
    for i in items:
        law = (law[:, :, None] * p[:, None, i]).reshape(len(p), -1)
    return float(entropies(law.mean(0)) - entropies(law).mean(0))


def _batch_bald(p: np.ndarray, k: int) -> np.ndarray:
    return np.asarray(batch_bald(p, k, key=jax.random.key(0)).picks)


def _top_bald(p: np.ndarray, k: int) -> np.ndarray:
    """A mutant: the k items of the largest information alone."""
    return np.argsort(-_exact_bald(p).round(9), kind="stable")[:k]


def _batch_cases(algorithm: Callable[[np.ndarray, int], np.ndarray], trials: int) -> Iterator[Case]:
    for name, p in _beliefs():
        picks, alone = algorithm(p, 3), _exact_bald(p)
        sets = [_joint_information(p, picks[:k]) for k in (1, 2, 3)]
        best = [max(_joint_information(p, s) for s in itertools.combinations(range(5), k)) for k in (1, 2, 3)]
        most = [min(alone[picks[:k]].sum(), k * math.log(p.shape[-1])) for k in (1, 2, 3)]
        lost = [b - f for b, f in zip(best, sets, strict=True)]
        yield Case(name, (best, most, p), [*lost, *sets, *np.diff(sets)])


@guarantee(
    "A batch's joint information is at most the sum of its parts, and greedy loses (1 - 1/k)^k of the best, or less",
    id="batchbald-submodular",
    family="active learning",
    latex=r"F(S)=I(y_S;\theta)\text{ monotone submodular},\quad F^\star_k-F(S_k) \le \bigl(1-\tfrac1k\bigr)^kF^\star_k",
    cite="kirsch2019batchbald",
    note="proofs_notes/batchbald-submodular.md",
    bounds=Always(as_array, tolerance=1e-5),
    algorithm=_batch_bald,
    cases=_batch_cases,
    mutants={"the best items alone": _top_bald, "the first items": lambda p, k: np.arange(k)},
)
def batchbald_submodular(best: list[float], most: list[float], p: np.ndarray) -> np.ndarray:
    """Loss against the `best` 1, 2 and 3 items, the cap of each set, and that of the second and third gain.

    Cite: kirsch2019batchbald.
    """
    most_of_all = float(entropies(_masses(p)))
    first = float(_exact_bald(p).max())
    lost = [(1 - 1 / k) ** k * b for k, b in zip((1, 2, 3), best, strict=True)]
    return np.array([*lost, *np.minimum(most, most_of_all), first, first])


def _three(p: np.ndarray) -> np.ndarray:
    return np.stack([np.asarray(f(p), np.float64) for f in (least_confidence, entropy, margin)])


def _broken(index: int, other: Kernel) -> Kernel:
    """A mutant: one of the three scores replaced."""

    def scores(p: np.ndarray) -> np.ndarray:
        made = _three(p)
        made[index] = other(p)
        return made

    return scores


def _discordant(scores: np.ndarray) -> float:
    """The largest step down in one score, in float32 rounding, on the way up another."""
    order = np.argsort(scores[1], kind="stable")
    return max(float(np.max(-np.diff(s[order]), initial=0.0)) for s in scores)


def _law_cases(algorithm: Kernel, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(2)
    for classes in (2, 3, 10):
        p = np.concatenate([rng.dirichlet(np.full(classes, a), 100) for a in (0.01, 0.3, 1.0, 30.0)])
        even = np.full(classes, 1 / classes)
        half = np.r_[0.5, 0.5, np.zeros(classes - 2)]
        p = np.r_[p, [even, half, np.eye(classes)[0]]]
        e, h, m = algorithm(p)
        rank = _discordant(np.stack([e, h, m])) if classes == 2 else 0.0
        low = -np.log(np.maximum(1 - e, 1e-30))
        yield Case(f"{classes} classes", (p,), np.concatenate([e, low, h, [rank]]))


@guarantee(
    "Least confidence is at most H / (2 ln 2), H lies between min-entropy and Fano's bound, and two classes rank alike",
    id="hellman-raviv-fano",
    family="active learning",
    latex=r"e \le \frac{H(p)}{2\ln2},\qquad -\ln(1-e) \le H(p) \le h(e)+e\ln(C-1)",
    cite="hellman1970probability",
    note="proofs_notes/hellman-raviv-fano.md",
    bounds=Always(as_array, tolerance=1e-5),
    algorithm=_three,
    cases=_law_cases,
    mutants={
        "confidence in the first class": _broken(0, lambda p: 1 - p[:, 0]),
        "entropy in bits": _broken(1, lambda p: entropies(p) / math.log(2)),
        "margin of unsorted classes": _broken(2, lambda p: -(p[:, 0] - p[:, 1])),
    },
)
def hellman_raviv_fano(p: np.ndarray) -> np.ndarray:
    """The bounds on error, min-entropy and entropy of each row, and that on ranks out of order, but for rounding.

    Cite: hellman1970probability.
    """
    h, e = entropies(p), 1 - p.max(-1)
    fano = entropies(np.stack([e, 1 - e], -1)) + e * math.log(p.shape[-1] - 1)
    return np.concatenate([h / (2 * math.log(2)), h, fano, [0.0]]) + ROUNDING


def _lure(losses: np.ndarray, proposal: np.ndarray, total: int) -> np.ndarray:
    return np.asarray(lure(losses, proposal, total), np.float64)


def _draws(losses: np.ndarray, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """All ordered draws of `size` items, and their proposals under a law that depends on what was drawn before."""
    orders = list(itertools.permutations(range(len(losses)), size))
    laws: dict[tuple[int, ...], np.ndarray] = {}
    proposal = np.ones((len(orders), size))
    for row, order in enumerate(orders):
        for m in range(size):
            law = laws.setdefault(order[:m], rng.dirichlet(np.ones(len(losses))) + 0.05)
            left = np.setdiff1d(range(len(losses)), order[:m])
            proposal[row, m] = law[order[m]] / law[left].sum()
    return np.array(orders), proposal


def _lure_cases(algorithm: Callable[..., np.ndarray], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(3)
    losses = rng.exponential(size=5)
    for size in (1, 3, 5):
        orders, proposal = _draws(losses, size, rng)
        mean = proposal.prod(1) @ algorithm(losses[orders], proposal, 5)
        yield Case(f"{size} of 5", (losses,), [mean])


@guarantee(
    "The weighted mean loss of items picked without replacement has the pool's mean loss for its expectation",
    id="lure-unbiased",
    family="active learning",
    latex=r"\mathbb E\,\tfrac1M\sum_mv_mL_{i_m} = \tfrac1N\sum_iL_i",
    cite="farquhar2021statistical",
    note="proofs_notes/lure-unbiased.md",
    bounds=Equals(as_array, tolerance=1e-5),
    algorithm=_lure,
    cases=_lure_cases,
    mutants={
        "weights 1 / (N q)": lambda losses, q, total: (losses / (total * q)).mean(1),
        "no weights": lambda losses, q, total: losses.mean(1),
    },
)
def lure_unbiased(losses: np.ndarray) -> np.ndarray:
    """The pool's mean loss. Cite: farquhar2021statistical."""
    return np.array([losses.mean()])
