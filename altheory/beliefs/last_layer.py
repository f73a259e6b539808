"""A network whose last layer has a Laplace posterior: the logistic belief on features that are learned."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, UInt

from altheory.beliefs.ensemble import for_two
from altheory.beliefs.newton import Data, contrasts, draws_of, newton_step, with_noise
from altheory.beliefs.ring import Ring, keep
from altheory.beliefs.trainer import Trainer, flags, key_of_label, start_key, trainer
from altheory.core import Key, Menu, Scalar, per_item, record, static
from altheory.core.check import at_least, positive
from altheory.core.numerics import dot, einsum


@dataclass(frozen=True)
class Headed:
    """A body that makes features `[n, m]`, under a linear layer in the contrasts of `Logistic`, which starts at 0."""

    body: Any
    classes: int

    def init(self, key: Key, x: Float[Array, "n d"]) -> dict[str, Any]:
        params = self.body.init(key, x, **flags(self.body, training=False))
        width = jax.eval_shape(lambda p: self.features(p, x), params).shape[-1]
        return {"body": params, "head": jnp.zeros((self.classes - 1, width))}

    def features(self, params: PyTree, x: Float[Array, "n d"], **told: Any) -> Float[Array, "n m"]:
        return self.body.apply(params, x, **({**flags(self.body, training=False), **told}))

    def apply(self, params: PyTree, x: Float[Array, "n d"]) -> Float[Array, "n C"]:
        h = self.features(params["body"], x)
        basis = jnp.asarray(contrasts(self.classes), h.dtype)
        return dot(dot(h, params["head"].T.astype(h.dtype)), basis)


@record
class LastLayer:
    r"""Logits :math:`B^\top W h(x)`: features `h` from a network, and a Gaussian posterior over `W` alone.

    An update trains body and head together by the trainer's `steps`, then takes `newton` guarded Newton steps on the
    head, so that the Laplace approximation stands at the mode for the features as they are. With `steps` 0 the body
    keeps its parameters (a pretrained network, say) and this is `Logistic` on `h(x)`, whose prior and draws it shares;
    the labels beyond `capacity` are forgotten. The trainer's `prior` is the precision of every weight.

    `embed` gives `h(x)` to rules that look at features. Time of an update: steps x one gradient, newton x O(n m C).
    Memory: the parameters + capacity x (d + m). Cite: daxberger2021laplace, snoek2015scalable.
    """

    trainer: Trainer
    params: PyTree
    state: PyTree
    ring: Ring
    key: UInt[Array, "..."]
    newton: int = static(default=2)
    classes: int = static(default=2)

    @property
    def dim(self) -> int:
        """The number of features of an item (not of the last layer)."""
        return self.ring.x.shape[-1]

    @property
    def weights(self) -> Float[Array, "contrasts m"]:
        """The last layer's weights at the mode."""
        return self.params["head"]

    def init(self, key: Key) -> "LastLayer":
        """The same network before any label, with a starting point drawn by `key` where the body is trained."""
        data = jax.random.key_data(key)
        if not self.trainer.steps:
            return self.replace(key=data)  # type: ignore[attr-defined]
        params, state = self.trainer.start(start_key(data), self.dim)
        return self.replace(params=params, state=state, key=data)  # type: ignore[attr-defined]

    def update(self, row: Menu, y: Any) -> "LastLayer":
        ring = self.ring.push(row, y)
        start = (self.params, self.state)
        if self.trainer.steps and not self.trainer.warm:
            start = self.trainer.start(start_key(self.key), self.dim)
        weight = ring.live.astype(ring.noise.dtype)
        params, state = self.trainer.fit(*start, ring, weight, key_of_label(self.key, self.ring))
        learned = self.replace(params=params, state=state, ring=ring)  # type: ignore[attr-defined]
        data = learned._data()
        head = jax.lax.fori_loop(0, self.newton, lambda _, w: newton_step(w, data), learned.weights)
        return keep(row.open, learned.replace(params={**params, "head": head}), self)

    def embed(self, menu: Menu) -> Float[Array, "K m"]:
        """The last layer's features of the items."""
        return per_item(self._features, menu.x)

    def probs(self, menu: Menu) -> Float[Array, "K C"]:
        """The true class's distribution at the mode."""
        return per_item(self.classify, menu.x)

    def classify(self, x: Float[Array, "n d"]) -> Float[Array, "n C"]:
        """Class probabilities of feature rows at the mode."""
        return jax.nn.softmax(self.trainer.outputs(self.params, x), -1)

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        """P(class 1) at the mode; two classes only."""
        for_two("LastLayer.mean", self.classes)
        return self.probs(menu)[:, 1]

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        """P(class 1) under one draw of the last layer; two classes only."""
        for_two("LastLayer.sample", self.classes)
        drawn = self.draws(key, 1)
        return per_item(lambda x: self._under(drawn, x)[0, :, 1], menu.x)

    def predictive(self, menu: Menu, key: Key, draws: int) -> Float[Array, "draws K C"]:
        """The *observed* label's law under `draws` last layers: past the row's error rate."""
        drawn = self.draws(key, draws)
        p = per_item(lambda x: self._under(drawn, x), menu.x, axis=1)
        return with_noise(p, menu.noise[:, None])

    def draws(self, key: Key, draws: int) -> Float[Array, "draws contrasts m"]:
        """Posterior draws of the last layer's weights."""
        return draws_of(self.weights, self._data(), key, draws)

    def _features(self, x: Float[Array, "n d"]) -> Float[Array, "n m"]:
        return self.trainer.network.features(self.params["body"], x.astype(jnp.float32))

    def _under(self, drawn: Float[Array, "s contrasts m"], x: Float[Array, "n d"]) -> Float[Array, "s n C"]:
        h = self._features(x)
        each = einsum("sjm,nm->snj", drawn, h)
        return jax.nn.softmax(dot(each, jnp.asarray(contrasts(self.classes), h.dtype)), -1)

    def _data(self) -> Data:
        """The labels held, as those of a logistic model on the last layer's features; preconditioned by a diagonal."""
        h = self._features(self.ring.x)
        live = self.ring.live.astype(h.dtype)
        prior = jnp.asarray(self.trainer.prior, h.dtype)
        eye = jnp.eye(h.shape[1], dtype=h.dtype)
        scale = (prior + 0.25 * (live[:, None] * h**2).sum(0)) ** -0.5
        none = jnp.zeros_like(self.weights)
        roots = (prior * eye, prior**0.5 * eye, prior**-0.5 * eye, scale * eye)
        return Data(h, self.ring.y, self.ring.noise.astype(h.dtype), live, *roots, none, self.classes)


def last_layer(
    body: Any,
    dim: int,
    classes: int = 2,
    *,
    params: PyTree | None = None,
    optimizer: Any = None,
    learning_rate: Scalar = 1e-2,
    prior: Scalar = 1.0,
    steps: int = 20,
    batch: int | None = None,
    warm: bool = True,
    newton: int = 2,
    capacity: int = 256,
    seed: int = 0,
) -> LastLayer:
    """A network `body` that maps `[n, dim]` to features `[n, m]`, under a last layer with a Laplace posterior.

    `params` are the body's parameters where it is trained already (and `steps` 0 then keeps them). Dropout in the body
    is off. Other arguments and what raises: as `deep_ensemble`; and a `prior` that is not above 0.
    """
    at_least("last_layer dim", dim, 1)
    at_least("last_layer classes", classes, 2)
    at_least("last_layer capacity", capacity, 1)
    at_least("last_layer newton", newton, 1)
    positive("last_layer prior", prior)
    learn = trainer(
        "last_layer", Headed(body, classes), dim=dim, outputs=classes, optimizer=optimizer,
        learning_rate=learning_rate, prior=prior, steps=steps, batch=batch, warm=warm,
    )  # fmt: skip
    data = jax.random.key_data(jax.random.key(seed))
    start, state = learn.start(start_key(data), dim)
    if params is not None:
        start = {**start, "body": params}
    return LastLayer(learn, start, state, Ring.empty(dim, capacity), data, newton, classes)
