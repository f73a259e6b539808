"""Streams: items come one at a time, and a label is bought as they pass or never."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Choice, Key, Menu, Outcome, Rows, leaf, product, record, static
from altheory.core.arrays import singles
from altheory.core.check import at_least, matrix, nonnegative, one_length, within
from altheory.core.random import draw
from altheory.oracles.pool import check_labels

Sample = Callable[[Key], tuple[Any, Array]]
"""`sample(key) -> (x, y)`: one item, features `[d]` or any pytree, and its true class."""


def _observed(y: Array, error: Array, classes: int, key: Key) -> Array:
    """Labels, each replaced with probability `error` by another class, any alike."""
    wrong_key, class_key = jax.random.split(key)
    shift = jax.random.randint(class_key, y.shape, 1, max(classes, 2))
    wrong = jax.random.uniform(wrong_key, y.shape) < error
    return jnp.where(wrong, (y + shift) % classes, y)


@record
class Passing:
    """Where a stream stands: the `item` on offer, how many came before it, and the `order` of a stream without
    repeats (empty where items are drawn).
    """

    item: Int[Array, ""]
    seen: Int[Array, ""]
    order: Int[Array, "*N"]


@record
class LabelStream:
    r"""A stream over N items: each round offers one, a menu of a single row, and a policy buys its label or passes.

    A pass is a choice that is not `valid` and does not stop: nothing is bought or learned, and the stream moves on.

    `X` `[N, d]`; `y` `[N]` the true classes; `mass` `[N]` the law from which every round draws its item, independently
    (equal where None); `flip` the probability that a label is wrong, one number or one an item; `price` of a label.
    With `once`, every item comes once, in an order drawn afresh for each run, and then the stream ends. Memory: N d.
    Raises `ValueError` on features that are not finite, labels that are no classes, a mass that is negative or 0 in
    sum or given with `once`, a price below 0, or error rates outside [0, 1].
    """

    costs_at_most_price = True

    X: Float[Array, "N d"]
    y: Int[Array, "N"]
    mass: Float[Array, "N"]
    flip: Float[Array, "N"]
    price: Float[Array, ""]
    classes: int = static()
    once: bool = static()

    def __init__(
        self,
        X: Any,
        y: Any,
        *,
        mass: Any = None,
        flip: Any = 0.0,
        price: float | Float[Array, ""] = 1.0,
        once: bool = False,
        classes: int | None = None,
    ) -> None:
        matrix("LabelStream X", X)
        y, size = np.asarray(y), np.shape(X)[0]
        found = check_labels("LabelStream y", y, size, classes)
        law = np.full(size, 1 / size) if mass is None else np.asarray(mass, np.float64)
        one_length("LabelStream mass", law, size)
        nonnegative("LabelStream mass", law)
        if not law.sum() > 0:
            raise ValueError("LabelStream mass must have some mass; it is 0 for every item")
        if once and mass is not None:
            raise ValueError("LabelStream offers every item once, or draws items by their mass: give one of the two")
        within("LabelStream flip", flip, 0, 1)
        if np.ndim(flip):
            one_length("LabelStream flip", flip, size)
        nonnegative("LabelStream price", price)
        fields = {
            "X": singles(X),
            "y": jnp.asarray(y, jnp.int32),
            "mass": singles(law / law.sum()),
            "flip": jnp.broadcast_to(singles(flip), (size,)),
            "price": singles(price),
            "classes": found,
            "once": bool(once),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def init(self, key: Key) -> Passing:
        if self.once:
            order = jax.random.permutation(key, self.y.shape[0]).astype(jnp.int32)
            return Passing(order[0], jnp.int32(0), order)
        return Passing(draw(self.mass, key).astype(jnp.int32), jnp.int32(0), jnp.zeros(0, jnp.int32))

    def offer(self, world: Passing) -> Menu:
        row = Rows(self.X, world.item[None], jnp.zeros(1, jnp.int32))
        open = world.seen < self.y.shape[0] if self.once else jnp.bool_(True)
        return Menu(row, self.price[None], (self.mass * self.flip).sum()[None], open[None])

    def answer(self, world: Passing, choice: Choice, key: Key) -> tuple[Passing, Outcome]:
        label_key, next_key = jax.random.split(key)
        item = jnp.broadcast_to(world.item, choice.item.shape)
        y = _observed(self.y[item], self.flip[item], self.classes, label_key)
        seen = world.seen + 1
        after = (
            world.order[jnp.minimum(seen, self.y.shape[0] - 1)]
            if self.once
            else draw(self.mass, next_key).astype(jnp.int32)
        )
        return Passing(after, seen, world.order), Outcome(y, jnp.where(choice.valid, self.price, 0))

    def value(self, world: Passing) -> Float[Array, "1"]:
        """The probability that the label on offer is right."""
        return 1 - self.flip[world.item][None]

    def exam(self, world: Passing) -> tuple[Menu, Int[Array, "N"], Bool[Array, "N"]]:
        """All items as a menu, their true classes, and a mask that counts each."""
        n = self.y.shape[0]
        return Menu(product(self.X, 1), jnp.zeros(n), jnp.zeros(n), jnp.ones(n, bool)), self.y, jnp.ones(n, bool)


@record
class SampledStream:
    """Items that come from a generator: each round offers `rows` fresh ones, and a policy buys one label or passes.

    With one row it is a stream with any marginal law. With many it answers membership queries, synthesised from the
    space that `sample` draws from: the menu is a fresh cover of it. (A space of finitely many items whose labels are
    bought once each is a `LabelPool`.) `sample(key) -> (x, y)` draws an item and its true class; define it once, at
    module level, as a new function compiles anew. `flip` is the probability that a label is wrong, `price` its price.
    """

    costs_at_most_price = True

    sample: Sample = static()
    rows: int = static(default=1)
    flip: float | Float[Array, ""] = leaf(default=0.0, converter=singles)
    price: float | Float[Array, ""] = leaf(default=1.0, converter=singles)
    classes: int = static(default=2)

    def __check__(self) -> None:
        at_least("SampledStream rows", self.rows, 1)
        at_least("SampledStream classes", self.classes, 2)
        within("SampledStream flip", self.flip, 0, 1)
        nonnegative("SampledStream price", self.price)
        y = jax.eval_shape(self.sample, jax.random.key(0))[1]
        if y.shape or not jnp.issubdtype(y.dtype, jnp.integer):
            raise ValueError(
                f"SampledStream sample must return (x, y) with y a whole number; y is {y.dtype} of shape {y.shape}"
            )

    def init(self, key: Key) -> tuple[Any, Int[Array, "rows"]]:
        x, y = jax.vmap(self.sample)(jax.random.split(key, self.rows))
        return x, y.astype(jnp.int32)

    def offer(self, world: tuple[Any, Int[Array, "rows"]]) -> Menu:
        ones = jnp.ones(self.rows)
        return Menu(world[0], self.price * ones, self.flip * ones, jnp.ones(self.rows, bool))

    def answer(self, world: tuple[Any, Int[Array, "rows"]], choice: Choice, key: Key) -> tuple[Any, Outcome]:
        label_key, next_key = jax.random.split(key)
        y = _observed(world[1][choice.item], jnp.asarray(self.flip), self.classes, label_key)
        return self.init(next_key), Outcome(y, jnp.where(choice.valid, self.price, 0))

    def value(self, world: tuple[Any, Int[Array, "rows"]]) -> Float[Array, "rows"]:
        """The probability that each label, if bought, is right."""
        return jnp.broadcast_to(1 - jnp.asarray(self.flip), (self.rows,))
