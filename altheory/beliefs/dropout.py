"""Monte Carlo dropout: one network, whose dropped units stand for posterior draws."""

from typing import Any

import jax
from jaxtyping import Array, Float, PyTree, UInt

from altheory.beliefs.ensemble import for_two
from altheory.beliefs.newton import with_noise
from altheory.beliefs.ring import Ring, keep
from altheory.beliefs.trainer import Trainer, flags, key_of_label, start_key, trainer
from altheory.core import Key, Menu, Scalar, per_item, record, static
from altheory.core.check import at_least


@record
class MCDropout:
    """A network trained with dropout, which predicts with dropout too.

    A draw is one mask for all items, so that it is one function and the joint law of several labels may be asked.
    `probs` is the network without dropout. Training, ring and `init`: as in `DeepEnsemble`, for one network. Time of an
    update: steps x one gradient on the ring. Memory: the parameters (and the optimizer's state where warm) +
    capacity x d. Cite: gal2016dropout, kirsch2019batchbald.
    """

    trainer: Trainer
    params: PyTree
    state: PyTree
    ring: Ring
    key: UInt[Array, "..."]
    classes: int = static(default=2)

    @property
    def dim(self) -> int:
        """The number of features."""
        return self.ring.x.shape[-1]

    def init(self, key: Key) -> "MCDropout":
        """The same network before any label, with a starting point drawn by `key`."""
        data = jax.random.key_data(key)
        params, state = self.trainer.start(start_key(data), self.dim)
        return self.replace(params=params, state=state, key=data)  # type: ignore[attr-defined]

    def update(self, row: Menu, y: Any) -> "MCDropout":
        ring = self.ring.push(row, y)
        warm = self.trainer.warm
        start = (self.params, self.state) if warm else self.trainer.start(start_key(self.key), self.dim)
        params, state = self.trainer.fit(
            *start, ring, ring.live.astype(ring.noise.dtype), key_of_label(self.key, self.ring)
        )
        params, state, ring = keep(row.open, (params, state, ring), (self.params, self.state, self.ring))
        return self.replace(params=params, state=state, ring=ring)  # type: ignore[attr-defined]

    def classify(self, x: Float[Array, "n d"]) -> Float[Array, "n C"]:
        """Class probabilities of feature rows, nothing dropped."""
        return jax.nn.softmax(self.trainer.outputs(self.params, x), -1)

    def probs(self, menu: Menu) -> Float[Array, "K C"]:
        """The true class's distribution with nothing dropped."""
        return per_item(self.classify, menu.x)

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        """P(class 1) with nothing dropped; two classes only."""
        for_two("MCDropout.mean", self.classes)
        return self.probs(menu)[:, 1]

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        """P(class 1) under one mask; two classes only."""
        for_two("MCDropout.sample", self.classes)
        return per_item(lambda x: self._masked(x, key)[:, 1], menu.x)

    def predictive(self, menu: Menu, key: Key, draws: int) -> Float[Array, "draws K C"]:
        """The *observed* label's law under each of `draws` masks: past the row's error rate."""
        keys = jax.random.split(key, draws)
        p = per_item(lambda x: jax.vmap(lambda k: self._masked(x, k))(keys), menu.x, axis=1)
        return with_noise(p, menu.noise[:, None])

    def _masked(self, x: Float[Array, "n d"], key: Key) -> Float[Array, "n C"]:
        """Class probabilities under one mask: rows go in one by one, each with the same key."""
        logits = jax.vmap(lambda row: self.trainer.outputs(self.params, row[None], key)[0])(x)
        return jax.nn.softmax(logits, -1)


def mc_dropout(
    network: Any,
    dim: int,
    classes: int = 2,
    *,
    optimizer: Any = None,
    learning_rate: Scalar = 1e-2,
    prior: Scalar = 1e-2,
    steps: int = 20,
    batch: int | None = None,
    warm: bool = True,
    capacity: int = 256,
    seed: int = 0,
) -> MCDropout:
    """A network with dropout that maps `[n, dim]` to `[n, classes]` logits, as a belief.

    `network` takes `train` or `deterministic`, by which dropout is turned on and off. Other arguments and what raises:
    as `deep_ensemble`; and a network that takes neither.
    """
    at_least("mc_dropout dim", dim, 1)
    at_least("mc_dropout classes", classes, 2)
    at_least("mc_dropout capacity", capacity, 1)
    if not flags(network, training=True):
        raise ValueError(
            "mc_dropout network must take `train` or `deterministic` in its call, or its dropout can't be turned on"
        )
    learn = trainer(
        "mc_dropout", network, dim=dim, outputs=classes, optimizer=optimizer, learning_rate=learning_rate,
        prior=prior, steps=steps, batch=batch, warm=warm,
    )  # fmt: skip
    data = jax.random.key_data(jax.random.key(seed))
    params, state = learn.start(start_key(data), dim)
    return MCDropout(learn, params, state, Ring.empty(dim, capacity), data, classes)
