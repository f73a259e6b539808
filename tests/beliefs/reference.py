"""The multinomial logistic posterior, written out densely in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import optimize, special

import altheory as al
from altheory.beliefs.newton import contrasts


def problem(classes, n=40, dim=3, seed=0):
    """Features, labels of a random truth, and error rates between 0 and 0.3."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, dim)).astype(np.float32)
    logits = 2 * x @ rng.normal(size=(dim, classes))
    y = np.array([rng.choice(classes, p=p) for p in special.softmax(logits, 1)])
    return x, y, rng.uniform(0, 0.3, n).astype(np.float32)


@jax.jit
def learn(belief, x, y, noise):
    rows = al.menu(x, noise=noise)
    return jax.lax.scan(lambda b, i: (b.update(rows[i], y[i]), None), belief, jnp.arange(len(x)))[0]


def log_posterior(weights, x, y, noise, prior, classes):
    w = np.asarray(weights, np.float64).reshape(classes - 1, -1)
    p = special.softmax(x.astype(np.float64) @ w.T @ contrasts(classes), 1)
    own = p[np.arange(len(y)), y]
    return np.log((1 - noise) * own + noise / (classes - 1) * (1 - own)).sum() - prior / 2 * (w**2).sum()


def mode(x, y, noise, prior, classes):
    """The posterior mode `[C-1, d]`, by scipy."""
    start = np.zeros((classes - 1) * x.shape[1])
    found = optimize.minimize(lambda w: -log_posterior(w, x, y, noise, prior, classes), start, method="BFGS", tol=1e-7)
    return found.x.reshape(classes - 1, -1)


def information(weights, x, noise, prior, classes):
    """The Fisher information of the labels plus the prior's precision `[(C-1) d, (C-1) d]`."""
    w = np.asarray(weights, np.float64)
    p = special.softmax(x.astype(np.float64) @ w.T @ contrasts(classes), 1)
    total = prior * np.eye(w.size)
    for row, eps, q in zip(x.astype(np.float64), noise, p, strict=True):
        seen = (1 - eps) * q + eps / (classes - 1) * (1 - q)
        jacobian = (1 - eps * classes / (classes - 1)) * (np.diag(q) - np.outer(q, q)) @ contrasts(classes).T
        total += np.kron(jacobian.T @ np.diag(1 / seen) @ jacobian, np.outer(row, row))
    return total
