"""A finite class of hypotheses: prior masses, and what the labels leave of them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.beliefs.newton import with_noise
from altheory.core import Key, Menu, Scalar, features, item_ids, record, static
from altheory.core.check import at_least, nonnegative, one_length, within
from altheory.core.check import finite as all_finite
from altheory.core.numerics import dot

Predict = Callable[[Any, Any], Int[Array, "H *K"]]
"""`predict(hypotheses, x) -> classes [H, K]`, from a pytree whose leaves have H rows and a menu's `x`."""


def look_up(table: Int[Array, "H N"], x: Any) -> Int[Array, "H *K"]:
    """Predictions read from a table over the pool's items."""
    return table[:, item_ids(x)]


def side(weights: Float[Array, "H d"], x: Any) -> Int[Array, "H *K"]:
    r"""Halfspaces: class 1 where :math:`w_h^\top x > 0`, else 0."""
    return (dot(weights, features(x).T) > 0).astype(jnp.int32)


@record
class Finite:
    r"""A posterior over H hypotheses, each of which names one class for every item.

    A label that a hypothesis did not predict multiplies its mass by :math:`\epsilon/(C-1)`, one that it did by
    :math:`1-\epsilon`, where :math:`\epsilon` is the row's `noise` where that is above 0, else the belief's own. At
    :math:`\epsilon = 0` the hypotheses that are `alive` are the version space. A label that no live hypothesis allows
    changes nothing and is counted in `conflicts`.

    `log_mass` holds log masses that sum to 1 over the live, and `log_evidence` the logarithm of the prior mass that
    is left (of the labels' likelihood, with noise). Update: H. `probs`: H K C. Memory: the hypotheses.
    """

    log_mass: Float[Array, "H"]
    alive: Bool[Array, "H"]
    log_evidence: Float[Array, ""]
    conflicts: Int[Array, ""]
    hypotheses: Any
    noise: Float[Array, ""] | float = 0.0
    classes: int = static(default=2)
    predict: Predict = static(default=look_up)

    @property
    def items(self) -> int | None:
        """The number of items the table knows; None where hypotheses look at features."""
        return self.hypotheses.shape[-1] if self.predict is look_up else None

    @property
    def weights(self) -> Float[Array, "H"]:
        """Posterior masses, 0 for the dead, 1 in sum."""
        return jnp.where(self.alive, jnp.exp(self.log_mass), 0)

    @property
    def mass(self) -> Float[Array, ""]:
        """The prior mass of the version space."""
        return jnp.exp(self.log_evidence)

    def predictions(self, x: Any) -> Int[Array, "H *K"]:
        """The class each hypothesis gives each item."""
        return self.predict(self.hypotheses, x).astype(jnp.int32)

    def update(self, row: Menu, y: Any) -> "Finite":
        error = jnp.where(row.noise > 0, row.noise, self.noise).astype(self.log_mass.dtype)
        hit = self.predictions(row.x) == jnp.asarray(y, jnp.int32)
        likelihood = jnp.where(hit, 1 - error, error / (self.classes - 1))
        alive = self.alive & ~(likelihood <= 0)
        log_mass = self.log_mass + jnp.log(jnp.where(alive, likelihood, 1))
        total = jax.nn.logsumexp(jnp.where(alive, log_mass, -jnp.inf))
        learned = row.open & alive.any()
        return self.replace(  # type: ignore[attr-defined]
            log_mass=jnp.where(learned, log_mass - total, self.log_mass),
            alive=jnp.where(learned, alive, self.alive),
            log_evidence=jnp.where(learned, self.log_evidence + total, self.log_evidence),
            conflicts=self.conflicts + (row.open & ~alive.any()).astype(self.conflicts.dtype),
        )

    def keeping(self, survivors: Bool[Array, "H"]) -> "Finite":
        """The belief restricted to some of the hypotheses; the same where none of them is alive."""
        alive = self.alive & survivors
        total = jax.nn.logsumexp(jnp.where(alive, self.log_mass, -jnp.inf))
        some = alive.any()
        return self.replace(  # type: ignore[attr-defined]
            log_mass=jnp.where(some, self.log_mass - total, self.log_mass),
            alive=jnp.where(some, alive, self.alive),
            log_evidence=jnp.where(some, self.log_evidence + total, self.log_evidence),
        )

    def disagrees(self, menu: Menu) -> Bool[Array, "K"]:
        """Whether two live hypotheses give an item different classes."""
        return self.contested(self.predictions(menu.x))

    def contested(self, predicted: Int[Array, "H K"]) -> Bool[Array, "K"]:
        """The columns of `predicted` in which live hypotheses differ."""
        alive = self.alive[:, None]
        return jnp.where(alive, predicted, self.classes).min(0) < jnp.where(alive, predicted, -1).max(0)

    def probs(self, menu: Menu) -> Float[Array, "K C"]:
        """The share of the posterior mass that gives each class: the true class's law."""
        predicted, weights = self.predictions(menu.x), self.weights
        return jnp.stack([dot(weights, (predicted == c).astype(weights.dtype)) for c in range(self.classes)], -1)

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        """P(class 1); two classes only."""
        self._binary("mean")
        return self.probs(menu)[:, 1]

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        """What one hypothesis drawn from the posterior says, 0 or 1; two classes only."""
        self._binary("sample")
        return self._drawn(menu, key, 1)[0].astype(self.log_mass.dtype)

    def predictive(self, menu: Menu, key: Key, draws: int) -> Float[Array, "draws K C"]:
        """The *observed* label's law under `draws` hypotheses, one from each of as many equal slices of the posterior.

        The row's error rate is in it, or the belief's own where the row has none.
        """
        sure = jax.nn.one_hot(self._drawn(menu, key, draws), self.classes, dtype=self.log_mass.dtype)
        noise = jnp.where(menu.noise > 0, menu.noise, self.noise).astype(sure.dtype)
        return with_noise(sure, noise[:, None])

    def _drawn(self, menu: Menu, key: Key, draws: int) -> Int[Array, "draws K"]:
        total = jnp.cumsum(self.weights)
        slices = jnp.arange(draws, dtype=total.dtype)
        level = (slices + jax.random.uniform(key, (draws,), total.dtype)) / draws * total[-1]
        last = jnp.argmax(jnp.where(self.alive, total, -1))
        who = jnp.minimum(jnp.searchsorted(total, level, side="right"), last)
        return self.predict(jax.tree.map(lambda h: h[who], self.hypotheses), menu.x).astype(jnp.int32)

    def _binary(self, what: str) -> None:
        if self.classes != 2:
            raise TypeError(f"Finite.{what} is defined for 2 classes; this belief has {self.classes}: use `probs`")


def finite(
    hypotheses: Any, *, classes: int = 2, prior: Any = None, noise: Scalar = 0.0, predict: Predict = look_up
) -> Finite:
    """A belief over a finite class, under `prior [H]` masses (equal where None) and labels wrong at the rate `noise`.

    `hypotheses` is a table `[H, N]` of the class each gives each item of the pool, or any pytree with H rows, which
    `predict(hypotheses, x)` reads; see `halfspaces`. Raises `ValueError` where a class is none of 0..C-1, masses are
    negative or all 0, or the noise is outside [0, 1].
    """
    at_least("finite classes", classes, 2)
    hypotheses = jax.tree.map(jnp.asarray, hypotheses)
    leaves = jax.tree.leaves(hypotheses)
    size = leaves[0].shape[0] if leaves and leaves[0].ndim else 0
    at_least("the number of hypotheses", size, 1)
    for leaf in leaves:
        one_length("finite hypotheses", leaf, size)
    if predict is look_up:
        _check_table(hypotheses, classes)
    mass = np.full(size, 1 / size) if prior is None else np.asarray(prior, np.float64)
    one_length("finite prior", mass, size)
    nonnegative("finite prior", mass)
    if not mass.sum() > 0:
        raise ValueError("finite prior must have some mass; it is 0 for every hypothesis")
    within("finite noise", noise, 0, 1)
    alive = mass > 0
    log_mass = np.log(np.where(alive, mass / mass.sum(), 1))
    wide = jnp.result_type(float)
    return Finite(
        jnp.asarray(log_mass, wide), jnp.asarray(alive), jnp.zeros((), wide), jnp.int32(0), hypotheses, noise, classes,
        predict,
    )  # fmt: skip


def halfspaces(weights: Any, *, prior: Any = None, noise: Scalar = 0.0) -> Finite:
    """A belief over halfspaces through the origin, one for each row of `weights [H, d]`: class 1 on its side.

    Give every item a feature that is 1 for halfspaces off the origin, and thresholds. Raises as `finite` does.
    """
    all_finite("halfspaces weights", weights)
    return finite(jnp.asarray(weights, jnp.result_type(float)), prior=prior, noise=noise, predict=side)


def _check_table(table: Any, classes: int) -> None:
    if jnp.ndim(table) != 2 or not jnp.issubdtype(jnp.result_type(table), jnp.integer):
        raise ValueError(
            f"finite hypotheses must be a [hypotheses, items] table of whole-number classes; it is "
            f"{jnp.result_type(table)} of shape {jnp.shape(table)}"
        )
    seen = np.asarray(table)
    if seen.size and (seen.min() < 0 or seen.max() >= classes):
        bad = int(seen.min() if seen.min() < 0 else seen.max())
        raise ValueError(f"finite hypotheses must lie in 0..{classes - 1}; the table has {bad}")
