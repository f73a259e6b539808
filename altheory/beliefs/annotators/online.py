"""Which class is true and which labeler errs how, learned together, one label at a time."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma
from jaxtyping import Array, Float, Int

from altheory.core import Key, Menu, Rows, Scalar, record, static
from altheory.core.check import at_least, one_length, positive, within
from altheory.core.random import gamma


@record
class Ring:
    """The last labels: `item [n]`, `labeler [n]`, `label [n]`, and `weight [n]`, 0 where a place is empty."""

    item: Int[Array, "n"]
    labeler: Int[Array, "n"]
    label: Int[Array, "n"]
    weight: Float[Array, "n"]


@record
class Crowd:
    r"""Bayesian Dawid-Skene: item i is of class c, labeler l says y, with :math:`P(y|c) = \pi^l_{cy}`.

    Mean field: items' class posteriors `posterior` `[N, C]` beside Dirichlet posteriors of every labeler's confusion
    rows, pseudo-counts `errors` `[L, C, C]` (true class, label), and of the class shares, `shares` `[C]`. A menu row's
    `x` is `Rows`: `index` the item, `source` the labeler; features and the row's `noise` are not looked at.

    Each `update` takes `steps` sweeps over the last `capacity` labels from where the last one ended, so that what is
    learned of a labeler flows back to the items it labelled before; an older label stays credited as it was when it
    was displaced. Time an update: capacity C + N C + L C^2. Memory the same. Cite: kim2012bayesian.
    """

    posterior: Float[Array, "N C"]
    errors: Float[Array, "L C C"]
    shares: Float[Array, "C"]
    ring: Ring
    base_errors: Float[Array, "L C C"]
    base_evidence: Float[Array, "N C"]
    prior_shares: Float[Array, "C"]
    labelled: Float[Array, "N"]
    seen: Int[Array, ""]
    steps: int = static(default=1)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.posterior.shape[-1]

    @property
    def items(self) -> int:
        """The number of items."""
        return self.posterior.shape[-2]

    @property
    def labelers(self) -> int:
        """The number of labelers."""
        return self.errors.shape[-3]

    def update(self, row: Menu, y: Any) -> "Crowd":
        item, labeler = _pair(row.x, "update")
        live = row.open
        kept = self._displace(live)
        slot = self.seen % self.ring.item.shape[0]
        new = (item, labeler, jnp.asarray(y, jnp.int32), jnp.ones((), self.posterior.dtype))
        ring = Ring(*(_written(a, slot, v, live) for a, v in zip(jax.tree.leaves(kept.ring), new, strict=True)))
        labelled = kept.labelled.at[item].add(live.astype(self.labelled.dtype))
        counted = kept.replace(ring=ring, labelled=labelled)  # type: ignore[attr-defined]
        for _ in range(self.steps):
            counted = counted._sweep()
        learned = jax.tree.map(lambda a, b: jnp.where(live, a, b), counted, self)
        return learned.replace(seen=self.seen + live.astype(self.seen.dtype))

    def _displace(self, live: Array) -> "Crowd":
        """Credit the label in the next slot, if there is one, as it looks now."""
        ring, slot = self.ring, self.seen % self.ring.item.shape[0]
        i, w, y = ring.item[slot], ring.labeler[slot], ring.label[slot]
        weight = jnp.where(live, ring.weight[slot], 0)
        said = _expected_log(self.errors[w])[:, y]
        return self.replace(  # type: ignore[attr-defined]
            base_errors=self.base_errors.at[w, :, y].add(weight * self.posterior[i]),
            base_evidence=self.base_evidence.at[i].add(weight * said),
        )

    def _sweep(self) -> "Crowd":
        """One pass of mean field: every item's class given the labelers, then every labeler given the items."""
        ring, (items, classes) = self.ring, self.posterior.shape
        rows = jnp.swapaxes(_expected_log(self.errors), 1, 2).reshape(-1, classes)
        cell = ring.labeler * classes + ring.label
        said = jax.ops.segment_sum(ring.weight[:, None] * rows[cell], ring.item, items)
        posterior = jax.nn.softmax(_expected_log(self.shares) + self.base_evidence + said, -1)
        counts = jax.ops.segment_sum(ring.weight[:, None] * posterior[ring.item], cell, self.labelers * classes)
        counts = jnp.swapaxes(counts.reshape(-1, classes, classes), 1, 2)
        known = (self.labelled > 0).astype(posterior.dtype)
        return self.replace(  # type: ignore[attr-defined]
            posterior=posterior,
            errors=self.base_errors + counts,
            shares=self.prior_shares + (known[:, None] * posterior).sum(0),
        )

    @property
    def confusion(self) -> Float[Array, "L C C"]:
        """The posterior mean of every labeler's confusion matrix: rows are true classes, columns labels."""
        return self.errors / self.errors.sum(-1, keepdims=True)

    def probs(self, menu: Menu) -> Float[Array, "K C"]:
        """The true class's distribution, item by item; a menu whose `x` has a row for each item is all of them."""
        if not isinstance(menu.x, Rows) and jax.tree.leaves(menu.x)[0].shape[0] == self.items:
            return self.posterior
        return self.posterior[_pair(menu.x, "probs")[0]]

    def channel(self, menu: Menu) -> Float[Array, "K C C"]:
        """Each row's labeler: the chance of every label (last axis) given every true class, in the posterior mean."""
        return self.confusion[_pair(menu.x, "channel")[1]]

    def predictive(self, menu: Menu, key: Key, draws: int) -> Float[Array, "draws K C"]:
        """The label's distribution under `draws` draws of the items' classes and the labelers' confusions."""
        item, labeler = _pair(menu.x, "predictive")
        class_key, error_key = jax.random.split(key)
        u = jax.random.uniform(class_key, (draws, self.items), self.posterior.dtype)
        below = jnp.cumsum(self.posterior, -1)[:, :-1]
        true = (u[..., None] > below).sum(-1)
        g = gamma(error_key, jnp.broadcast_to(self.errors, (draws, *self.errors.shape)))
        confusion = g / jnp.maximum(g.sum(-1, keepdims=True), jnp.finfo(g.dtype).tiny)
        return confusion[jnp.arange(draws)[:, None], labeler, true[:, item]]


def crowd(
    items: int,
    labelers: int,
    classes: int = 2,
    *,
    error: Any = 0.3,
    strength: Scalar = 4.0,
    capacity: int = 1024,
    steps: int = 1,
) -> Crowd:
    r"""A Dawid-Skene belief over `items` and `labelers`, whose labels are classes 0..C-1.

    `error` is the error rate expected of a labeler (one, or one each, such as a pool's `flip`), wrong classes alike,
    worth `strength` labels a true class: row c of its confusion is
    :math:`\mathrm{Dir}(s(1-\epsilon)\text{ at }c,\ s\epsilon/(C-1)\text{ elsewhere})`. An error below
    :math:`1 - 1/C` is what tells a class from its mirror image. `capacity` labels are held exactly, `steps` sweeps
    are taken over them a round.

    Raises `ValueError` where a size is below its least, `error` is outside (0, 1) or `strength` not above 0.
    """
    at_least("crowd items", items, 1)
    at_least("crowd labelers", labelers, 1)
    at_least("crowd classes", classes, 2)
    at_least("crowd capacity", capacity, 1)
    at_least("crowd steps", steps, 1)
    positive("crowd strength", strength)
    within("crowd error", error, 1e-6, 1 - 1e-6)
    rate = jnp.asarray(error, jnp.result_type(float))
    if rate.ndim:
        one_length("crowd error", rate, labelers)
    rate = jnp.broadcast_to(rate, (labelers,))[:, None, None]
    errors = strength * jnp.where(jnp.eye(classes, dtype=bool), 1 - rate, rate / (classes - 1))
    shares = jnp.ones(classes)
    none = jnp.zeros(capacity, jnp.int32)
    return Crowd(
        posterior=jnp.full((items, classes), 1 / classes),
        errors=errors,
        shares=shares,
        ring=Ring(none, none, none, jnp.zeros(capacity)),
        base_errors=errors,
        base_evidence=jnp.zeros((items, classes)),
        prior_shares=shares,
        labelled=jnp.zeros(items),
        seen=jnp.zeros((), jnp.int32),
        steps=steps,
    )


def _expected_log(counts: Float[Array, "... C"]) -> Float[Array, "... C"]:
    """The expected logarithm of a Dirichlet's probabilities."""
    return digamma(counts) - digamma(counts.sum(-1, keepdims=True))


def _written(ring: Array, slot: Array, value: Array, live: Array) -> Array:
    return ring.at[slot].set(jnp.where(live, value, ring[slot]).astype(ring.dtype))


def _pair(x: Any, verb: str) -> tuple[Array, Array]:
    """Item and labeler of each row; raises `TypeError` where the menu does not say."""
    if not isinstance(x, Rows):
        raise TypeError(
            f"Crowd.{verb} needs a menu of items x labelers, whose x is `Rows`: that of LabelPool or ReplayPool, or of "
            "`product`"
        )
    return x.index, x.source
