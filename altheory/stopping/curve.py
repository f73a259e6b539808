"""A posterior over learning curves: a grid over the exponent and the noise, conjugate in the two coefficients."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp, ndtr
from jaxtyping import Array, Float

from altheory.core import Key, Scalar, record
from altheory.core.check import nonnegative
from altheory.core.numerics import shrink_root

EXPONENTS = np.geomspace(0.05, 3.0, 28)
NOISES = np.geomspace(0.003, 0.12, 6)
PRIOR_MEAN, PRIOR_SD = (0.1, 0.6), (0.15, 0.4)
"""Errors are rates: an asymptote of 0.1 give or take 0.15, and 0.6 give or take 0.4 to be learned after one label."""


@record
class LearningCurve:
    r"""What is known of :math:`e(n) = a + b\,n^{-c}` from errors measured with normal noise of unknown scale.

    For each of G exponents c and S noise levels, the posterior of (a, b) is normal (`mean`, and `root` R of its
    covariance :math:`RR^\top`), and `evidence` is its log weight. An observation at n labels counts :math:`(n/N)^f`
    once N labels are bought, f = `forget`: real curves are power laws only in the long run, and it is the next labels
    that matter. Cite: viering2023shape, west1997bayesian.
    """

    mean: Float[Array, "G S 2"]
    root: Float[Array, "G S 2 2"]
    evidence: Float[Array, "G S"]
    labels: Float[Array, ""]
    forget: float | Float[Array, ""] = 1.0

    def update(self, labels: Any, error: Any) -> "LearningCurve":
        """The posterior after one more measurement; one at no more labels than the last, or NaN, changes nothing."""
        n, e = jnp.asarray(labels, self.mean.dtype), jnp.asarray(error, self.mean.dtype)
        counts = (n >= 1) & (n > self.labels) & jnp.isfinite(e)
        n = jnp.where(counts, n, self.labels + 1)
        keep = jnp.where(self.labels > 0, (self.labels / n) ** self.forget, 1.0)
        noise = jnp.asarray(NOISES, n.dtype)
        root = self.root / jnp.sqrt(keep)
        row = self._row(n)[:, None]
        spread = (root * row[..., :, None]).sum(-2)
        variance = (spread**2).sum(-1) + noise**2
        miss = e - (self.mean * row).sum(-1)
        gain = (root * spread[..., None, :]).sum(-1) / variance[..., None]
        each = jax.vmap(jax.vmap(lambda r, x, s: shrink_root(r, x, s**-2)[0], (0, None, 0)), (0, 0, None))
        new = self.replace(  # type: ignore[attr-defined]
            mean=self.mean + gain * miss[..., None],
            root=each(root, row[:, 0], noise),
            evidence=keep * self.evidence - 0.5 * (miss**2 / variance + jnp.log(variance)),
            labels=n,
        )
        return jax.tree.map(lambda a, b: jnp.where(counts, a, b), new, self)

    def predict(self, labels: Any) -> Float[Array, "*n"]:
        """The expected error with `labels` bought; NaN below one label."""
        n = jnp.asarray(labels, self.mean.dtype)
        a, b, _ = self._coefficients()
        curves = a + b * (_at_least_one(n)[..., None] ** -self._exponents)[..., None]
        return jnp.where(n >= 1, (self._weights() * curves).sum((-2, -1)), jnp.nan)

    def fall(self, step: Any = 1.0) -> Float[Array, ""]:
        """By how much the error is expected to fall with the next `step` labels."""
        return (self._weights() * self._coefficients()[1] * self._lower(step)).sum()

    def falls_by(self, least: Any, step: Any = 1.0) -> Float[Array, ""]:
        """The probability that the next `step` labels lower the error by more than `least` > 0."""
        _, b, sd = self._coefficients()
        needed = least / jnp.maximum(self._lower(step), jnp.finfo(self.mean.dtype).tiny)
        return (self._weights() * ndtr((b - needed) / sd)).sum()

    def draw(self, labels: Float[Array, "H"], key: Key, draws: int = 1000) -> Float[Array, "draws H"]:
        """Posterior curves at `labels`, for intervals: their quantiles over draws. Without the noise of measuring.

        A draw with a < 0 is moved to a = 0, b along with it, as in the mean.
        """
        pick_key, normal_key = jax.random.split(key)
        which = jax.random.categorical(pick_key, self.evidence.ravel(), shape=(draws,))
        mean, root = (x.reshape(-1, *x.shape[2:])[which] for x in (self.mean, self.root))
        z = jax.random.normal(normal_key, (draws, 2), mean.dtype)
        a, b = (mean + (root * z[:, None]).sum(-1)).T
        slope = _slope(root[:, 0], root[:, 1])
        a, b = jnp.maximum(a, 0), jnp.maximum(b - slope * jnp.minimum(a, 0), 0)
        c = self._exponents[which // self.mean.shape[1]]
        n = _at_least_one(jnp.asarray(labels, mean.dtype))
        return a[:, None] + b[:, None] * n[None] ** -c[:, None]

    @property
    def _exponents(self) -> Float[Array, "G"]:
        return jnp.asarray(EXPONENTS, self.mean.dtype)

    def _row(self, n: Array) -> Float[Array, "G 2"]:
        x = n**-self._exponents
        return jnp.stack([jnp.ones_like(x), x], -1)

    def _weights(self) -> Float[Array, "G S"]:
        return jnp.exp(self.evidence - logsumexp(self.evidence))

    def _lower(self, step: Any) -> Float[Array, "G 1"]:
        """How much of b the next `step` labels remove."""
        n, c = _at_least_one(self.labels), self._exponents[:, None]
        return n**-c - (n + step) ** -c

    def _coefficients(self) -> tuple[Float[Array, "G S"], Float[Array, "G S"], Float[Array, "G S"]]:
        """Means of a and b, at least 0, and the deviation of b: given a = 0 where the mean of a is below."""
        (a, b), (top, bottom) = jnp.moveaxis(self.mean, -1, 0), jnp.moveaxis(self.root, -2, 0)
        slope = _slope(top, bottom)
        below = a < 0
        b = jnp.where(below, b - slope * a, b)
        left = jnp.where(below[..., None], bottom - slope[..., None] * top, bottom)
        sd = jnp.sqrt(jnp.maximum((left**2).sum(-1), 1e-14))
        return jnp.maximum(a, 0), jnp.maximum(b, 0), sd


def _slope(top: Float[Array, "... 2"], bottom: Float[Array, "... 2"]) -> Float[Array, "..."]:
    """How b goes with a, from the rows of a root of their covariance."""
    return (top * bottom).sum(-1) / jnp.maximum((top**2).sum(-1), jnp.finfo(top.dtype).tiny)


def _at_least_one(n: Array) -> Array:
    return jnp.maximum(n, 1.0)


def learning_curve(*, forget: Scalar = 1.0) -> LearningCurve:
    """Before anything is measured: exponents from 0.05 to 3, noise from 0.003 to 0.12, errors like most learners'.

    Raises `ValueError` where `forget` is below 0; 0 weighs all measurements alike.
    """
    nonnegative("learning_curve forget", forget)
    grid = (len(EXPONENTS), len(NOISES))
    mean = jnp.broadcast_to(jnp.array(PRIOR_MEAN), (*grid, 2))
    root = jnp.broadcast_to(jnp.diag(jnp.array(PRIOR_SD)), (*grid, 2, 2))
    return LearningCurve(mean, root, jnp.zeros(grid), jnp.zeros(()), forget)


def fit_curve(
    labels: Float[Array, "T"] | Float[np.ndarray, "T"], error: Float[Array, "T"] | Float[np.ndarray, "T"], *,
    forget: Scalar = 1.0,
) -> LearningCurve:  # fmt: skip
    """The posterior after a whole trace of labels and errors, in order."""
    pairs = (jnp.asarray(labels, float), jnp.asarray(error, float))
    return _fold(learning_curve(forget=forget), pairs)


@jax.jit
def _fold(curve: LearningCurve, pairs: tuple[Array, Array]) -> LearningCurve:
    return jax.lax.scan(lambda c, pair: (c.update(*pair), None), curve, pairs)[0]
