"""Gaussian-process classification: a Laplace posterior over functions, refitted every round from the last one."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from altheory.beliefs.kernels import RBF, Kernel
from altheory.beliefs.newton import Data, contrasts, draws_of, newton_step, with_noise
from altheory.beliefs.whitener import Turn, Whitener
from altheory.core import Key, Menu, Scalar, features, per_item, record, static
from altheory.core.check import at_least, positive
from altheory.core.numerics import dot, einsum


@record
class GPClassifier:
    r"""Class logits :math:`B^\top f(x)`, the C-1 functions :math:`f_j \sim \mathrm{GP}(0, k)` independent.

    `B` are the contrasts of `Logistic`: every pairwise log-odds is a priori a Gaussian process with covariance `k`, and
    for two classes `f` is the log-odds. On the labels held, :math:`f = v\Phi^\top` for whitened weights
    :math:`v \sim N(0, I)` and a root :math:`\Phi` of :math:`k(X, X) + \nu I`: a logistic model with a feature a label.
    The posterior of `v` is Gaussian at its mode (Laplace); the rest of the process keeps its prior.

    Holds the last `capacity` labels; an older one is forgotten. A label's likelihood passes through its row's error
    rate `noise`. `nugget` is :math:`\nu`, in the unit of the variance. Update: O(n^2 C) a Newton step; predictions
    O(K n (n + d + C)) and as much with the waves of a draw. Memory: n (2n + d + C). Cite: rasmussen2006gaussian,
    wilson2020efficiently.
    """

    kernel: Any
    ring: Whitener
    phi: Float[Array, "n n"]
    y: Int[Array, "n"]
    error: Float[Array, "n"]
    weights: Float[Array, "contrasts n"]
    seen: Int[Array, ""]
    nugget: Float[Array, ""] | float = 1e-4
    classes: int = static(default=2)
    steps: int = static(default=1)
    frequencies: int = static(default=256)

    @property
    def dim(self) -> int:
        """The number of features."""
        return self.ring.x.shape[-1]

    def update(self, row: Menu, y: Any) -> "GPClassifier":
        slot = self.seen % self.y.shape[-1]
        nugget = jnp.asarray(self.nugget, self.phi.dtype)
        ring, turn = self.ring.push(self.kernel, features(row.x), nugget, slot)
        pushed = self.replace(  # type: ignore[attr-defined]
            ring=ring,
            phi=_turned(self.phi, turn, slot),
            y=self.y.at[slot].set(jnp.asarray(y, self.y.dtype)),
            error=self.error.at[slot].set(row.noise.astype(self.error.dtype)),
            weights=turn.columns(self.weights).at[:, slot].set(0),
            seen=self.seen + 1,
        )
        data = pushed._data()
        weights = jax.lax.fori_loop(0, self.steps, lambda _, w: newton_step(w, data), pushed.weights)
        made = pushed.replace(weights=weights)
        return jax.tree.map(lambda a, b: jnp.where(row.open, a, b), made, self)

    def probs(self, menu: Menu) -> Float[Array, "K C"]:
        """The true class's distribution at the posterior mode, item by item."""
        return per_item(self.classify, menu.x)

    def classify(self, x: Float[Array, "n d"]) -> Float[Array, "n C"]:
        """Class probabilities of feature rows at the posterior mode."""
        f = dot(self.weights, self.ring.coordinates(self.kernel, x))
        return jax.nn.softmax(dot(f.T, self._contrast), -1)

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        """P(class 1) at the posterior mode; two classes only."""
        self._binary("mean")
        return self.probs(menu)[:, 1]

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        """P(class 1) under one posterior draw; two classes only."""
        self._binary("sample")
        return per_item(lambda x: self._drawn(x, key, 1)[0, :, 1], menu.x)

    def predictive(self, menu: Menu, key: Key, draws: int) -> Float[Array, "draws K C"]:
        """The *observed* label's distribution under `draws` posterior functions: past the row's error rate.

        A draw is one function at all items, so that their joint law may be asked. Its prior part is made of
        `frequencies` random waves, shared by the draws of a call. Memory: draws x K x C + K x waves.
        """
        p = per_item(lambda x: self._drawn(x, key, draws), menu.x, axis=1)
        return with_noise(p, menu.noise[:, None])

    def latent(self, x: Float[Array, "K d"], key: Key, draws: int) -> Float[Array, "draws contrasts K"]:
        r"""Posterior draws of :math:`f` at feature rows: the prior's, moved as far as the weights drawn say."""
        weight_key, wave_key, z_key, nugget_key = jax.random.split(key, 4)
        v = draws_of(self.weights, self._data(), weight_key, draws)
        held = self.kernel.basis(self.ring.x, wave_key, self.frequencies)
        z = jax.random.normal(z_key, (*v.shape[:2], held.shape[1]), v.dtype)
        spread = jnp.sqrt(self.ring.noise) * jax.random.normal(nugget_key, v.shape, v.dtype)
        prior = jnp.where(self.ring.live, einsum("scr,nr->scn", z, held) + spread, 0)
        moved = v - dot(prior, self.ring.root.T)
        waves = self.kernel.basis(x, wave_key, self.frequencies)
        return einsum("scr,kr->sck", z, waves) + dot(moved, self.ring.coordinates(self.kernel, x))

    def _drawn(self, x: Float[Array, "K d"], key: Key, draws: int) -> Float[Array, "draws K C"]:
        logits = einsum("sjk,jc->sck", self.latent(x, key, draws), self._contrast)
        return jnp.swapaxes(jax.nn.softmax(logits, 1), 1, 2)

    def _data(self) -> Data:
        """The labels held, as those of a logistic model in the whitened weights."""
        eye = jnp.eye(self.phi.shape[-1], dtype=self.phi.dtype)
        weight = self.ring.live.astype(self.phi.dtype)
        none = jnp.zeros_like(self.weights)
        return Data(self.phi, self.y, self.error, weight, eye, eye, eye, eye, none, self.classes)

    @property
    def _contrast(self) -> Float[Array, "contrasts C"]:
        return jnp.asarray(contrasts(self.classes), self.phi.dtype)

    def _binary(self, what: str) -> None:
        if self.classes != 2:
            raise TypeError(
                f"GPClassifier.{what} is defined for 2 classes; this belief has {self.classes}: use `probs`"
            )


def _turned(phi: Float[Array, "n n"], turn: Turn, slot: Array) -> Float[Array, "n n"]:
    """The labels' coordinates after one was displaced: the others turn with the root, the new one's are its own."""
    here = jnp.arange(phi.shape[0]) == slot
    return jnp.where(here[:, None], turn.row, jnp.where(here[None], 0, turn.columns(phi)))


def gp_classifier(
    dim: int,
    classes: int = 2,
    *,
    kernel: Kernel | None = None,
    nugget: Scalar = 1e-4,
    capacity: int = 256,
    steps: int = 1,
    frequencies: int = 256,
) -> GPClassifier:
    """A Gaussian-process belief of `classes` classes in `dim` features, with `kernel` (`RBF()` where None).

    `nugget` keeps single precision sound, and lets neighbours differ by chance; `steps` are Newton steps a label.
    Raises `ValueError` where a size is below its least, or the nugget is not above 0.
    """
    at_least("gp_classifier dim", dim, 1)
    at_least("gp_classifier classes", classes, 2)
    at_least("gp_classifier capacity", capacity, 1)
    at_least("gp_classifier steps", steps, 1)
    at_least("gp_classifier frequencies", frequencies, 1)
    positive("gp_classifier nugget", nugget)
    zeros = jnp.zeros(capacity)
    return GPClassifier(
        RBF() if kernel is None else kernel, Whitener.empty(dim, capacity), jnp.zeros((capacity, capacity)),
        jnp.zeros(capacity, jnp.int32), zeros, jnp.zeros((classes - 1, capacity)), jnp.zeros((), jnp.int32),
        nugget, classes, steps, frequencies,
    )  # fmt: skip
