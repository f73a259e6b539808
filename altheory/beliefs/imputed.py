"""Items with missing features: a classifier on what is known, and a Gaussian that completes the rest."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from altheory.core import Key, Menu, item_ids, record, static
from altheory.core.check import at_least, one_length
from altheory.core.numerics import cholesky, dot, einsum, inverse_spds


@record
class Told:
    """What buying a label and some features shows: the class, and the item's row `x [d]` where `known [d]`."""

    label: Any
    x: Float[Array, "*n d"]
    known: Bool[Array, "*n d"]


@record
class Imputed:
    r"""A classifier `base` on N items whose features are `known` in part, the rest :math:`N(\mu, \Sigma)` given them.

    A menu row is item i with option s (`product(..., options)`): its label, and the features that `options[s]` marks.
    Predictions average over completions; `partial` shows what each option would tell. Outcomes are `Told`, or a label
    alone. Memory: N d, and draws x outer x inner x classes numbers a menu row while it scores. Cite: astorga2024poca.
    """

    base: Any
    x: Float[Array, "N d"]
    known: Bool[Array, "N d"]
    options: Bool[Array, "S d"]
    centre: Float[Array, "d"]
    covariance: Float[Array, "d d"]
    outer: int = static(default=16)
    inner: int = static(default=8)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.base.classes)

    @property
    def labelers(self) -> int:
        """The number of options an item is offered with."""
        return self.options.shape[-2]

    def update(self, row: Menu, y: Any) -> "Imputed":
        item = item_ids(row.x)
        x, known = self.x[item], self.known[item]
        label = y
        if isinstance(y, Told):
            label, fresh = y.label, y.known & row.open
            x, known = jnp.where(fresh, y.x, x), known | fresh
        full = self._expected(x, known)
        base = self.base.update(Menu(full, row.price, row.noise, row.open), label)
        changed = self.x.at[item].set(x), self.known.at[item].set(known)
        return self.replace(base=base, x=changed[0], known=changed[1])  # type: ignore[attr-defined]

    def probs(self, menu: Menu) -> Float[Array, "K C"]:
        """The class's distribution, averaged over completions of what is not known."""
        item = item_ids(menu.x)
        made = self._completions(self.x[item], self.known[item], jax.random.key(0), self.outer * self.inner)
        return jax.vmap(lambda rows: self.base.probs(_as_menu(rows, menu)))(made).mean(0)

    def predictive(self, menu: Menu, key: Key, draws: int) -> Float[Array, "draws K C"]:
        """The label's distribution under draws of the parameters, at the expected features."""
        item = item_ids(menu.x)
        full = self._expected(self.x[item], self.known[item])
        return self.base.predictive(_as_menu(full, menu), key, draws)

    def partial(self, menu: Menu, key: Key, draws: int) -> Float[Array, "draws outer inner K C"]:
        """The label's distribution for each draw of the parameters, of the features to buy, and of those left unknown.

        All rows and draws of features share the draws of the parameters.
        """
        theta, buy, rest = jax.random.split(key, 3)
        item = item_ids(menu.x)
        x, known = self.x[item], self.known[item]
        seen = known | self.options[menu.x.source]
        bought = self._completions(x, known, buy, self.outer)
        left = jax.vmap(lambda rows, k: self._completions(rows, seen, k, self.inner))
        made = left(bought, jax.random.split(rest, self.outer))
        rows = made.reshape(-1, made.shape[-1])
        noise = jnp.tile(menu.noise, self.outer * self.inner)
        p = self.base.predictive(Menu(rows, noise, noise, jnp.ones(rows.shape[0], bool)), theta, draws)
        return p.reshape(draws, *made.shape[:3], p.shape[-1])

    def _completions(self, x: Array, known: Array, key: Key, size: int) -> Float[Array, "size K d"]:
        """Draws of whole rows given what is known: a draw of the prior, moved by what it gets wrong (Matheron)."""
        z = jax.random.normal(key, (size, 1, self.x.shape[-1]), self.x.dtype)
        return self._moved(x, known, self.centre + dot(z, cholesky(self.covariance).T))

    def _expected(self, x: Float[Array, "*K d"], known: Bool[Array, "*K d"]) -> Float[Array, "*K d"]:
        return self._moved(x, known, self.centre)

    def _moved(self, x: Array, known: Array, prior: Array) -> Array:
        """Rows that agree with what is known, and lie as far from the `prior` elsewhere as the Gaussian says."""
        gap = jnp.where(known, x - prior, 0)
        return jnp.where(known, x, prior + einsum("...ij,...j->...i", self._slopes(known), gap))

    def _slopes(self, known: Bool[Array, "*K d"]) -> Float[Array, "*K d d"]:
        r""":math:`\Sigma_{\cdot o}\Sigma_{oo}^{-1}` of each row, 0 in the columns of what is not known."""
        both = known[..., :, None] & known[..., None, :]
        eye = jnp.eye(self.x.shape[-1], dtype=self.x.dtype)
        inverse = inverse_spds(jnp.where(both, self.covariance, eye))
        return einsum("ij,...jk->...ik", self.covariance, jnp.where(both, inverse, 0))


def _as_menu(rows: Float[Array, "K d"], menu: Menu) -> Menu:
    return Menu(rows, menu.price, menu.noise, menu.open)


def imputed(base: Any, x: Any, options: Any, *, outer: int = 16, inner: int = 8, iterations: int = 50) -> Imputed:
    """A classifier on items `x [N, d]` with NaN where a feature is not known, and the sets of features on offer.

    `options [S, d]` marks the features bought along with a label; a row of none is the label alone. The Gaussian that
    completes rows is fitted to what is known by EM (`fit_normal`). `outer` draws of the features to buy and `inner`
    of those left unknown estimate what an option tells. Raises `ValueError` where shapes differ or a size is below 1.
    """
    x, options = np.asarray(x, np.float64), np.asarray(options, bool)
    at_least("imputed outer", outer, 1)
    at_least("imputed inner", inner, 1)
    if x.ndim != 2 or options.ndim != 2 or options.shape[1] != x.shape[1]:
        raise ValueError(f"imputed needs x [N, d] and options [S, d]; their shapes are {x.shape} and {options.shape}")
    centre, covariance = fit_normal(x, iterations=iterations)
    known = ~np.isnan(x)
    kind = jnp.result_type(float)
    return Imputed(
        base,
        jnp.asarray(np.where(known, x, 0), kind),
        jnp.asarray(known),
        jnp.asarray(options),
        jnp.asarray(centre, kind),
        jnp.asarray(covariance, kind),
        outer,
        inner,
    )


def fit_normal(x: Any, *, iterations: int = 50, ridge: float = 1e-3) -> tuple[np.ndarray, np.ndarray]:
    """Mean `[d]` and covariance `[d, d]` of rows with missing entries (NaN), by EM; on the host, in float64.

    `ridge` times a feature's own variance is added to the diagonal. Raises `ValueError` where a feature is never known
    or an entry is infinite. Cite: little2019missing.
    """
    x = np.asarray(x, np.float64)
    one_length("fit_normal x", x, len(x))
    known = ~np.isnan(x)
    if np.isinf(x).any() or not known.any(0).all():
        raise ValueError(
            "fit_normal needs finite or missing entries, and each feature known for some row: drop the rest"
        )
    mean, spread = np.nanmean(x, 0), np.nanvar(x, 0)
    floor = ridge * np.where(spread > 0, spread, 1)
    cov = np.diag(spread + floor)
    patterns = [(mask, np.flatnonzero((known == mask).all(1))) for mask in np.unique(known, axis=0)]
    for _ in range(iterations):
        full, extra = x.copy(), np.zeros_like(cov)
        for mask, rows in patterns:
            gone = ~mask
            if not gone.any():
                continue
            slope = np.linalg.solve(cov[np.ix_(mask, mask)], cov[np.ix_(mask, gone)])
            full[np.ix_(rows, gone)] = mean[gone] + (x[np.ix_(rows, mask)] - mean[mask]) @ slope
            extra[np.ix_(gone, gone)] += len(rows) * (cov[np.ix_(gone, gone)] - cov[np.ix_(gone, mask)] @ slope)
        mean = full.mean(0)
        cov = ((full - mean).T @ (full - mean) + extra) / len(x) + np.diag(floor)
    return mean, cov
