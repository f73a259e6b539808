"""Slow, obvious numpy versions of the kernels, written from their formulas."""

import itertools

import numpy as np


def entropy_of(p):
    p = np.asarray(p, float).ravel()
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


def kl(p, q):
    return sum(a * np.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def bald(probs):
    draws, items, _ = probs.shape
    return np.array([np.mean([kl(probs[m, i], probs[:, i].mean(0)) for m in range(draws)]) for i in range(items)])


def joint_entropy(probs, items):
    """Entropy of the labels of `items` under the mixture of draws, by enumerating every configuration."""
    draws, _, classes = probs.shape
    total = 0.0
    for labels in itertools.product(range(classes), repeat=len(items)):
        mass = np.mean([np.prod([probs[m, i, c] for i, c in zip(items, labels, strict=True)]) for m in range(draws)])
        total -= mass * np.log(mass) if mass > 0 else 0.0
    return total


def joint_information(probs, items):
    noise = sum(np.mean([entropy_of(probs[m, i]) for m in range(probs.shape[0])]) for i in items)
    return joint_entropy(probs, items) - noise


def greedy(value, n, size):
    """Plain greedy on a set function, ties to the lowest index (up to rounding)."""
    picks, values = [], []
    for _ in range(size):
        tried = [-np.inf if i in picks else value([*picks, i]) for i in range(n)]
        best = int(np.flatnonzero(np.array(tried) >= max(tried) - 1e-9)[0])
        picks.append(best)
        values.append(tried[best])
    return picks, values


def facility(similarity, base, items):
    if not len(items):
        return 0.0
    return float(np.maximum(base, similarity[list(items)].max(0)).sum() - base.sum())


def farthest_first(distance, near, size, first=None):
    """Picks from a full distance matrix and distances to what is there already."""
    near, picks = near.copy(), []
    for t in range(size):
        open_near = near.copy()
        open_near[picks] = -np.inf
        i = first if t == 0 and first is not None else int(np.argmax(open_near))
        picks.append(i)
        near = np.minimum(near, distance[i])
    return picks


def pairwise(x, y=None):
    y = x if y is None else y
    return np.sqrt(((x[:, None] - y[None]) ** 2).sum(-1))


def gradients(probs, x):
    """The materialised last-layer gradients at the likeliest label, one row an item."""
    r = probs - np.eye(probs.shape[1])[probs.argmax(1)]
    return np.einsum("nc,nd->ncd", r, x).reshape(len(x), -1)


def squared_distance_law(vectors, size):
    """The probability of every ordered batch under D^2 sampling with a uniform first pick."""
    n = len(vectors)
    distance = pairwise(vectors) ** 2
    law = {}
    for batch in itertools.permutations(range(n), size):
        chance = 1 / n
        for j in range(1, size):
            near = distance[:, batch[:j]].min(1)
            chance *= near[batch[j]] / near.sum()
        law[batch] = chance
    return law


def fisher(p, x):
    return np.kron(np.diag(p) - np.outer(p, p), np.outer(x, x))


def bait_value(probs, x, items, ridge):
    information = np.array([fisher(p, v) for p, v in zip(probs, x, strict=True)])
    matrix = ridge * np.eye(information.shape[1]) + information[list(items)].sum(0)
    return float(np.trace(np.linalg.solve(matrix, information.mean(0))))


def predictive_gain(probs, targets, loss):
    """Mean over targets of the expected fall in `loss` after the item's label, by reweighting the draws."""
    draws, items, classes = probs.shape
    out = np.zeros(items)
    for i in range(items):
        for t in range(targets.shape[1]):
            after = 0.0
            for c in range(classes):
                weight = probs[:, i, c] / draws
                if weight.sum() > 0:
                    after += weight.sum() * loss(weight @ targets[:, t] / weight.sum())
            out[i] += (loss(targets[:, t].mean(0)) - after) / targets.shape[1]
    return out


def chi_square_threshold(freedom, alpha):
    from scipy.stats import chi2

    return float(chi2.isf(alpha, freedom))
