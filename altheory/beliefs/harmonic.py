"""Harmonic functions on a graph of the pool: a Gaussian field clamped at the labels."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from altheory.core import Menu, Scalar, item_ids, record
from altheory.core.check import at_least, matrix, nonnegative, positive


@record
class Harmonic:
    r"""A Gaussian field over N items: smooth over a graph, and fixed where labels are known, for each class.

    With the Laplacian :math:`L = D - W` of the graph and a weak pull :math:`\lambda` towards the uniform class law, the
    prior precision of each class's field is :math:`L + \lambda I`. `field` `[N, C]` holds its mean, the class
    probabilities: at an unlabelled item a weighted average of its neighbours'. `covariance` `[N, N]` has zero rows
    where labels are. A label is taken as right, whatever the row's error rate; a second one for the same item changes
    nothing. Update: one rank-one step, O(N^2). Memory: N^2. Cite: zhu2003combining.
    """

    field: Float[Array, "N C"]
    covariance: Float[Array, "N N"]

    @property
    def items(self) -> int:
        """The number of items in the graph."""
        return self.field.shape[-2]

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.field.shape[-1]

    def update(self, row: Menu, y: Any) -> "Harmonic":
        item = item_ids(row.x)
        column = self.covariance[:, item]
        weight = jnp.where(row.open, _over(column[item]), 0)
        label = jax.nn.one_hot(jnp.asarray(y, jnp.int32), self.classes, dtype=self.field.dtype)
        step = weight * column
        covariance = self.covariance - step[:, None] * column
        clamped = (weight != 0) & (jnp.arange(self.items) == item)
        return Harmonic(
            jnp.where(clamped[:, None], label, self.field + step[:, None] * (label - self.field[item])),
            jnp.where(clamped[:, None] | clamped, 0, covariance),
        )

    def probs(self, menu: Menu) -> Float[Array, "K C"]:
        return self._law()[item_ids(menu.x)]

    def std(self, menu: Menu) -> Float[Array, "K"]:
        """Standard deviation of the field at each item, 0 at labels."""
        return jnp.sqrt(jnp.maximum(jnp.diagonal(self.covariance), 0))[item_ids(menu.x)]

    def risk(self) -> Float[Array, ""]:
        r"""The pool's expected number of errors by its own probabilities, :math:`\sum_i(1 - \max_cf_{ic})`."""
        return (1 - self._law().max(-1)).sum()

    def risk_after(self, menu: Menu) -> Float[Array, "K"]:
        r"""The expected `risk` once an item's label is known, in closed form, without fitting again.

        A label y at k makes the field :math:`f + \Sigma_{\cdot k}(e_y - f_k)/\Sigma_{kk}`; labels are drawn by
        :math:`f_k`. Time: K N C^2, at most N^2 C^2. Memory: N times the smaller of K and N, a few times.
        """
        ids = item_ids(menu.x)
        if ids.shape[0] > self.items:
            return self._risk_after(jnp.arange(self.items))[ids]
        return self._risk_after(ids)

    def _risk_after(self, ids: Int[Array, "K"]) -> Float[Array, "K"]:
        law, columns = self._law(), self.covariance[:, ids]
        step = columns * _over(self.covariance[ids, ids])

        def given(y: Int[Array, ""]) -> Float[Array, "K"]:
            hit = jax.nn.one_hot(y, self.classes, dtype=step.dtype)
            best = jnp.full(step.shape, -jnp.inf, step.dtype)
            for c in range(self.classes):
                best = jnp.maximum(best, law[:, c, None] + step * (hit[c] - law[ids, c]))
            return (1 - jnp.clip(best, 0, 1)).sum(0)

        risks = jax.lax.map(given, jnp.arange(self.classes))
        return (law[ids].T * risks).sum(0)

    def _law(self) -> Float[Array, "N C"]:
        """The field within rounding of a law: a harmonic function lies between its boundary's values."""
        inside = jnp.clip(self.field, 0, 1)
        return inside / inside.sum(-1, keepdims=True)


def _over(variance: Array) -> Array:
    """One over a variance, 0 where the item is known."""
    known = variance <= 0
    return jnp.where(known, 0, 1 / jnp.where(known, 1, variance))


def harmonic(weights: Any, classes: int = 2, *, prior: Scalar = 1e-3) -> Harmonic:
    """A harmonic belief over the graph with edge `weights [N, N]`, such as `gaussian_graph` makes.

    `prior` is the pull towards the uniform law at each item, relative to the mean degree: small, or labels lose their
    reach. Building it costs one inverse, O(N^3). Raises `ValueError` where weights are no square, symmetric,
    nonnegative matrix, no edge is left, or `prior` is not above 0.
    """
    at_least("harmonic classes", classes, 2)
    positive("harmonic prior", prior)
    matrix("harmonic weights", weights)
    nonnegative("harmonic weights", weights)
    w = np.array(weights, np.float64)
    if w.shape[0] != w.shape[1] or not np.allclose(w, w.T, rtol=1e-5):
        raise ValueError(f"harmonic weights must be a square, symmetric matrix; its shape is {w.shape}")
    np.fill_diagonal(w, 0)
    degree = w.sum(1)
    if not degree.sum() > 0:
        raise ValueError("harmonic weights must join some two items; they are 0 off the diagonal")
    pull = float(prior) * degree.mean()
    covariance = np.linalg.inv(np.diag(degree + pull) - w) * degree.mean()
    wide = jnp.result_type(float)
    return Harmonic(jnp.full((len(w), classes), 1 / classes, wide), jnp.asarray((covariance + covariance.T) / 2, wide))


def gaussian_graph(x: Any, *, scale: Scalar | None = None, neighbours: int | None = None) -> np.ndarray:
    r"""Edge weights :math:`\exp(-\|x_i - x_j\|^2/(2\sigma^2))` between items `x [N, d]`, 0 on the diagonal, `[N, N]`.

    :math:`\sigma` is `scale`, or where None the median distance to the nearest other item that is not a copy. With
    `neighbours`, an edge stays where one of its ends counts the other among as many nearest. Memory: N^2. Raises
    `ValueError` on features that are not finite, fewer than two items, or a scale that is not above 0.
    """
    matrix("gaussian_graph x", x)
    a = np.asarray(x, np.float64)
    at_least("the number of items", len(a), 2)
    norm = (a * a).sum(1)
    squared = np.maximum(norm[:, None] + norm - 2 * a @ a.T, 0)
    np.fill_diagonal(squared, np.inf)
    if scale is None:
        apart = np.where(squared > 1e-12 * norm.max(initial=1e-300), squared, np.inf).min(1)
        apart = apart[np.isfinite(apart)]
        scale = float(np.sqrt(np.median(apart))) if apart.size else 1.0
    positive("gaussian_graph scale", scale)
    weights = np.exp(-squared / (2 * float(scale) ** 2))
    if neighbours is not None:
        at_least("gaussian_graph neighbours", neighbours, 1)
        near = np.zeros(squared.shape, bool)
        nearest = np.argsort(squared, 1, kind="stable")[:, : min(neighbours, len(a) - 1)]
        np.put_along_axis(near, nearest, True, 1)
        weights = np.where(near | near.T, weights, 0)
    return weights
