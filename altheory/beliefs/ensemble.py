"""Deep ensembles: one network trained several times, from different starts."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree, UInt

from altheory.beliefs.newton import with_noise
from altheory.beliefs.ring import Ring, keep
from altheory.beliefs.trainer import Trainer, key_of_label, start_key, trainer
from altheory.core import Key, Menu, Scalar, per_item, record, static
from altheory.core.check import at_least
from altheory.core.random import poisson_one


@record
class DeepEnsemble:
    """`members` copies of a network, trained on the same labels from starting points of their own.

    Each update writes the label into a ring of `capacity` and trains every member for the trainer's `steps`, from where
    it stood (`warm`) or from its first starting point, which then is a function of the labels held alone. `init` draws
    the starting points anew, so that runs of a study differ. With `bootstrap` a member counts each label a Poisson(1)
    number of times. Time of an update: members x steps x one gradient on the ring. Memory: members x the parameters
    (and the optimizer's state where warm) + capacity x d. Cite: lakshminarayanan2017simple.
    """

    trainer: Trainer
    params: PyTree
    state: PyTree
    ring: Ring
    counts: Float[Array, "members n"]
    key: UInt[Array, "..."]
    members: int = static(default=5)
    bootstrap: bool = static(default=False)
    classes: int = static(default=2)

    @property
    def dim(self) -> int:
        """The number of features."""
        return self.ring.x.shape[-1]

    def init(self, key: Key) -> "DeepEnsemble":
        """The same ensemble before any label, with starting points drawn by `key`."""
        data = jax.random.key_data(key)
        params, state = _starts(self.trainer, data, self.members, self.dim)
        return self.replace(params=params, state=state, key=data)  # type: ignore[attr-defined]

    def update(self, row: Menu, y: Any) -> "DeepEnsemble":
        count_key, fit_key = jax.random.split(key_of_label(self.key, self.ring))
        ring = self.ring.push(row, y)
        drawn = poisson_one(count_key, (self.members,)).astype(self.counts.dtype)
        counts = self.counts.at[:, self.ring.slot].set(drawn if self.bootstrap else jnp.ones_like(drawn))
        warm = self.trainer.warm
        start = (self.params, self.state) if warm else _starts(self.trainer, self.key, self.members, self.dim)
        fit = jax.vmap(self.trainer.fit, (0, 0, None, 0, 0))
        params, state = fit(*start, ring, counts, jax.random.split(fit_key, self.members))
        new, old = (params, state, ring, counts), (self.params, self.state, self.ring, self.counts)
        params, state, ring, counts = keep(row.open, new, old)
        return self.replace(params=params, state=state, ring=ring, counts=counts)  # type: ignore[attr-defined]

    def taught(self, x: Float[Array, "n d"], y: Int[Array, "n"], *, passes: int = 20) -> "DeepEnsemble":
        """The same networks trained on n labels at once, in `passes` passes; the ring keeps the last of them."""
        size, capacity = x.shape[0], self.ring.y.shape[-1]
        batch = self.trainer.batch or size
        learn = self.trainer.replace(steps=max(1, passes * size // batch))  # type: ignore[attr-defined]
        known = Ring(x, y, jnp.zeros(size), jnp.int32(size))
        keys = jax.random.split(key_of_label(self.key, self.ring), self.members)
        fit = jax.jit(jax.vmap(learn.fit, (0, 0, None, None, 0)))
        params, state = fit(self.params, self.state, known, jnp.ones(size), keys)
        last = jnp.arange(max(size - capacity, 0), size)
        pad = (0, max(capacity - size, 0))
        ring = Ring(
            jnp.pad(x[last], (pad, (0, 0))), jnp.pad(y[last], pad), jnp.zeros(capacity), jnp.int32(last.shape[0])
        )
        counts = jnp.ones_like(self.counts)
        return self.replace(params=params, state=state, ring=ring, counts=counts)  # type: ignore[attr-defined]

    def classify(self, x: Float[Array, "n d"]) -> Float[Array, "members n C"]:
        """Each member's class probabilities of feature rows."""
        return jax.nn.softmax(jax.vmap(lambda p: self.trainer.outputs(p, x))(self.params), -1)

    def probs(self, menu: Menu) -> Float[Array, "K C"]:
        """The members' average class probabilities."""
        return per_item(lambda x: self.classify(x).mean(0), menu.x)

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        """The members' average P(class 1); two classes only."""
        for_two("DeepEnsemble.mean", self.classes)
        return self.probs(menu)[:, 1]

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        """P(class 1) of one member drawn at random; two classes only."""
        for_two("DeepEnsemble.sample", self.classes)
        member = jax.random.randint(key, (), 0, self.members)
        return per_item(lambda x: self.classify(x)[:, :, 1], menu.x, axis=1)[member]

    def predictive(self, menu: Menu, key: Key, draws: int) -> Float[Array, "draws K C"]:
        """The *observed* label's law for each of `draws` members, in random order, past the row's error rate.

        More draws than members repeat them: as evenly as can be, exactly so for a multiple of their number.
        """
        p = per_item(self.classify, menu.x, axis=1)
        return with_noise(p[deal(key, self.members, draws)], menu.noise[:, None])


def deal(key: Key, members: int, draws: int) -> Array:
    """Members for each of some draws: all of them, in random order, as often as the draws go round."""
    return jax.random.permutation(key, members)[jnp.arange(draws) % members]


def for_two(what: str, classes: int) -> None:
    """Raise `TypeError` where a number that only two classes have is asked of more."""
    if classes != 2:
        raise TypeError(f"{what} is defined for 2 classes; this belief has {classes}: use `probs`")


def _starts(trainer: Trainer, key: Array, members: int, dim: int) -> tuple[PyTree, PyTree]:
    keys = jax.random.split(start_key(key), members)
    return jax.vmap(lambda k: trainer.start(k, dim))(keys)


def deep_ensemble(
    network: Any,
    dim: int,
    classes: int = 2,
    *,
    members: int = 5,
    optimizer: Any = None,
    learning_rate: Scalar = 1e-2,
    prior: Scalar = 1e-2,
    steps: int = 20,
    batch: int | None = None,
    warm: bool = True,
    bootstrap: bool = False,
    capacity: int = 256,
    seed: int = 0,
) -> DeepEnsemble:
    """An ensemble of `members` networks that map `[n, dim]` to `[n, classes]` logits.

    `network` is a Flax module (linen) or a `Network`; `optimizer` a function of the learning rate (`optax.adam` where
    None) or a finished optax transformation; the rest is told by `Trainer` and `DeepEnsemble`. `seed` draws the
    starting points until a run draws its own. Raises `ValueError` where a size is below its least, the network makes
    other shapes or keeps more than parameters.
    """
    at_least("deep_ensemble dim", dim, 1)
    at_least("deep_ensemble classes", classes, 2)
    at_least("deep_ensemble members", members, 1)
    at_least("deep_ensemble capacity", capacity, 1)
    learn = trainer(
        "deep_ensemble", network, dim=dim, outputs=classes, optimizer=optimizer, learning_rate=learning_rate,
        prior=prior, steps=steps, batch=batch, warm=warm,
    )  # fmt: skip
    key = jax.random.key_data(jax.random.key(seed))
    params, state = _starts(learn, key, members, dim)
    ring = Ring.empty(dim, capacity)
    counts = jnp.zeros((members, capacity))
    return DeepEnsemble(learn, params, state, ring, counts, key, members, bootstrap, classes)
