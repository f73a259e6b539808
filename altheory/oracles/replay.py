"""A recorded crowd, replayed: labels come from a table of what was once said."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Choice, Key, Menu, Outcome, Rows, record, static
from altheory.core.check import matrix, nonnegative, one_length, within


@record
class ReplayWorld:
    """What changes: how many labels were bought of each pair, `[K]`."""

    bought: Int[Array, "K"]


@record
class ReplayPool:
    """Items x labelers from a record: a menu row is a pair (item, labeler), its answer what was recorded.

    `labels` `[n, 3]` are triples (item, labeler, class); a pair with several labels answers in the order of the
    record, one a purchase, and closes after the last. The menu's rows are the recorded pairs, by item and labeler;
    with `every_pair=True` row `l N + i` is item i's label from labeler l, closed where none was recorded. `X` `[N, d]`
    are the items' features (their numbers, where None), `y` `[N]` the true classes, negative where unknown. `price`
    and `noise` are one number or `[L]`: money a label, and the error rate that the menu states. `confidence` `[n]`
    is what the source said of each label.

    Nothing is random: what differs between seeds is what the policy asks. Memory: n + K + N d, K the menu's rows.
    Raises `ValueError` on labels that are no triples of whole numbers, sizes that do not fit, prices below 0, and
    confidences outside [0, 1].
    """

    costs_at_most_price = True

    table: Any
    y: Int[Array, "N"]
    item: Int[Array, "K"]
    labeler: Int[Array, "K"]
    first: Int[Array, "K"]
    recorded: Int[Array, "K"]
    label: Int[Array, "n"]
    confidence: Float[Array, "n"]
    price: Float[Array, "L"]
    noise: Float[Array, "L"]
    classes: int = static()
    copies: int = static()

    def __init__(
        self,
        labels: Any,
        *,
        X: Any = None,
        y: Any = None,
        price: Any = 1.0,
        noise: Any = 0.0,
        confidence: Any = None,
        classes: int | None = None,
        every_pair: bool = False,
    ) -> None:
        a = _triples(labels)
        items = int(a[:, 0].max()) + 1 if X is None and y is None else len(X if X is not None else y)
        price, noise = np.asarray(price, np.float32), np.asarray(noise, np.float32)
        labelers = max([int(a[:, 1].max()) + 1, *(v.size for v in (price, noise) if v.ndim)])
        truth = np.full(items, -1) if y is None else np.asarray(y)
        one_length("ReplayPool y", truth, items)
        known = max(int(a[:, 2].max()), int(truth.max()))
        classes = max(known + 1, 2) if classes is None else classes
        if int(a[:, 0].max()) >= items or known >= classes or truth.dtype.kind not in "iu":
            raise ValueError(
                f"ReplayPool labels and y must name items below {items} and classes below {classes} by whole numbers"
            )
        said = np.ones(len(a)) if confidence is None else np.asarray(confidence)
        one_length("ReplayPool confidence", said, len(a))
        within("ReplayPool confidence", said, 0, 1)
        nonnegative("ReplayPool price", price)
        within("ReplayPool noise", noise, 0, 1)
        if X is not None:
            matrix("ReplayPool X", X)
        order = np.lexsort((a[:, 1], a[:, 0])) if not every_pair else np.lexsort((a[:, 0], a[:, 1]))
        a, said = a[order], said[order]
        pair, first, count = _pairs(a, items, labelers, every_pair)
        fields = {
            "table": jnp.arange(items) if X is None else jnp.asarray(X, jnp.float32),
            "y": jnp.asarray(truth, jnp.int32),
            "item": jnp.asarray(pair[:, 0], jnp.int32),
            "labeler": jnp.asarray(pair[:, 1], jnp.int32),
            "first": jnp.asarray(first, jnp.int32),
            "recorded": jnp.asarray(count, jnp.int32),
            "label": jnp.asarray(a[:, 2], jnp.int32),
            "confidence": jnp.asarray(said, jnp.float32),
            "price": jnp.asarray(_each("price", price, labelers)),
            "noise": jnp.asarray(_each("noise", noise, labelers)),
            "classes": classes,
            "copies": labelers if every_pair else 0,
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def items(self) -> int:
        """The number of items."""
        return self.y.shape[-1]

    @property
    def labelers(self) -> int:
        """The number of labelers."""
        return self.price.shape[-1]

    def init(self, key: Key) -> ReplayWorld:
        return ReplayWorld(jnp.zeros_like(self.recorded))

    def offer(self, world: ReplayWorld) -> Menu:
        rows = Rows(self.table, self.item, self.labeler, self.copies)
        return Menu(rows, self.price[self.labeler], self.noise[self.labeler], world.bought < self.recorded)

    def answer(self, world: ReplayWorld, choice: Choice, key: Key) -> tuple[ReplayWorld, Outcome]:
        pair = choice.item
        at = jnp.clip(self.first[pair] + world.bought[pair], 0, self.label.shape[0] - 1)
        cost = jnp.where(choice.valid, self.price[self.labeler[pair]], 0)
        bought = world.bought.at[pair].add(choice.valid.astype(world.bought.dtype))
        return ReplayWorld(bought), Outcome(self.label[at], cost, self.confidence[at])

    def value(self, world: ReplayWorld) -> Float[Array, "K"]:
        """The share of each row's labeler's recorded labels that are right, among items of known class; else 0.5."""
        pair = jnp.repeat(jnp.arange(self.item.shape[0]), self.recorded, total_repeat_length=self.label.shape[0])
        truth = self.y[self.item[pair]]
        who = self.labeler[pair]
        known = (truth >= 0).astype(self.price.dtype)
        asked = jnp.zeros_like(self.price).at[who].add(known)
        right = jnp.zeros_like(self.price).at[who].add(known * (truth == self.label).astype(known.dtype))
        return jnp.where(asked > 0, right / jnp.maximum(asked, 1), 0.5)[self.labeler]

    def exam(self, world: ReplayWorld) -> tuple[Menu, Int[Array, "N"], Bool[Array, "N"]]:
        """All items as a menu, their true classes, and the mask of the ones whose class is known."""
        n = self.items
        menu = Menu(self.table, jnp.zeros(n), jnp.zeros(n), jnp.ones(n, bool))
        return menu, self.y, self.y >= 0


def _triples(labels: Any) -> np.ndarray:
    a = np.asarray(labels)
    if a.ndim != 2 or a.shape[1] != 3 or not len(a) or a.dtype.kind not in "iu" or a.min() < 0:
        raise ValueError(
            "ReplayPool labels must be [n, 3] triples of (item, labeler, class) in whole numbers of at least 0; "
            f"their shape is {a.shape}, their type {a.dtype}"
        )
    return a


def _pairs(a: np.ndarray, items: int, labelers: int, every: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The menu's pairs, where each one's labels begin among the sorted, and how many there are."""
    if every:
        cell = a[:, 1] * items + a[:, 0]
        count = np.bincount(cell, minlength=items * labelers)
        labeler, item = np.divmod(np.arange(items * labelers), items)
        return np.stack([item, labeler], 1), np.cumsum(count) - count, count
    pair, first, count = np.unique(a[:, :2], axis=0, return_index=True, return_counts=True)
    return pair, first, count


def _each(name: str, value: np.ndarray, labelers: int) -> np.ndarray:
    if value.ndim == 0:
        return np.full(labelers, value, np.float32)
    if value.shape != (labelers,):
        raise ValueError(
            f"ReplayPool {name} must be one number or one for each of the {labelers} labelers; its shape is "
            f"{value.shape}"
        )
    return value
