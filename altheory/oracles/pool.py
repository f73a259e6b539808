"""A pool of items and the labelers who can be asked about them."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Choice, Key, Menu, Outcome, product, record, static
from altheory.core.check import matrix, nonnegative, one_length, within
from altheory.core.random import normal_from
from altheory.oracles.labelers import error_table


@record
class PoolWorld:
    """What changes: which labels were bought `[L, N]`, and which items are held out `[N]`."""

    bought: Bool[Array, "L N"]
    held_out: Bool[Array, "N"]


@record
class LabelPool:
    r"""Items x labelers: menu row `l N + i` is item i's label from labeler l, at `price[l]`, once.

    `X` `[N, d]`; `y` `[N]` the true classes 0..C-1; `price` `[L]` in money a label; `flip` `[L]` the mean error rate;
    `kind` where a labeler is wrong (`uniform`, `hard`, `classpair`, `region`; one for all or one each);
    `informative` `[L]` how well confidence separates right from wrong labels: its log odds are those of a score
    :math:`N(\delta\,[\text{right}], 1)`, so its AUROC is :math:`\Phi(\delta/\sqrt2)`. A person is a labeler with a high
    price and a low error rate. `held_out` is the share of items (drawn afresh each run) or the mask `[N]` of items
    that no one may ask about and accuracy is measured on.

    Memory: N d + 2 L N. Raises `ValueError` on features that are not finite, labels that are no classes, prices
    below 0, error rates outside [0, 1], or an empty pool.
    """

    costs_at_most_price = True

    X: Float[Array, "N d"]
    y: Int[Array, "N"]
    price: Float[Array, "L"]
    flip: Float[Array, "L"]
    informative: Float[Array, "L"]
    error: Float[Array, "L N"]
    wrong: Int[Array, "L N"]
    held_out: Float[Array, ""] | Bool[Array, "N"]
    classes: int = static()

    def __init__(
        self,
        X: Any,
        y: Any,
        price: Any = 1.0,
        flip: Any = 0.0,
        *,
        kind: str | Sequence[str] = "uniform",
        informative: Any = 0.0,
        held_out: Any = 0.0,
        classes: int | None = None,
        seed: int = 0,
    ) -> None:
        matrix("LabelPool X", X)
        X, y = np.asarray(X, np.float32), np.asarray(y)
        classes = check_labels("LabelPool y", y, len(X), classes)
        price = np.atleast_1d(np.asarray(price, np.float32))
        if price.ndim != 1 or not price.size:
            raise ValueError(f"LabelPool price must be one number or one for each labeler; its shape is {price.shape}")
        kinds = [kind] * len(price) if isinstance(kind, str) else list(kind)
        flip, informative = (
            _each(f"LabelPool {name}", v, len(price)) for name, v in (("flip", flip), ("informative", informative))
        )
        one_length("LabelPool kind", kinds, len(price))
        nonnegative("LabelPool price", price)
        within("LabelPool flip", flip, 0, 1)
        nonnegative("LabelPool informative", informative)
        tables = [
            error_table(k, X, y, float(f), seed=seed + i) for i, (k, f) in enumerate(zip(kinds, flip, strict=True))
        ]
        fields = {
            "X": jnp.asarray(X),
            "y": jnp.asarray(y, jnp.int32),
            "price": jnp.asarray(price),
            "flip": jnp.asarray(flip),
            "informative": jnp.asarray(informative),
            "error": jnp.asarray(np.stack([t[0] for t in tables]), jnp.float32),
            "wrong": jnp.asarray(np.stack([t[1] for t in tables]), jnp.int32),
            "held_out": _held_out(held_out, len(X)),
            "classes": classes,
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def labelers(self) -> int:
        """The number of labelers."""
        return self.price.shape[-1]

    def init(self, key: Key) -> PoolWorld:
        items = self.X.shape[0]
        if self.held_out.ndim:
            held_out = self.held_out
        else:
            rank = jnp.argsort(jnp.argsort(jax.random.bits(key, (items,))))
            held_out = rank < jnp.round(self.held_out * items).astype(int)
        return PoolWorld(jnp.zeros((self.price.shape[0], items), bool), held_out)

    def offer(self, world: PoolWorld) -> Menu:
        rows = product(self.X, self.price.shape[0])
        open = ~world.bought & ~world.held_out
        return Menu(rows, self.price[rows.source], self.flip[rows.source], open.ravel())

    def answer(self, world: PoolWorld, choice: Choice, key: Key) -> tuple[PoolWorld, Outcome]:
        who, item = jnp.divmod(choice.item, self.X.shape[0])
        chance = jax.random.uniform(key, (3, *item.shape))
        is_wrong = chance[0] < self.error[who, item]
        shift = 1 + jnp.floor(chance[1] * max(self.classes - 1, 1)).astype(jnp.int32)
        other = jnp.where(self.wrong[who, item] < 0, (self.y[item] + shift) % self.classes, self.wrong[who, item])
        delta = self.informative[who]
        z = jnp.where(is_wrong, 0, delta) + normal_from(chance[2])
        odds = jnp.log1p(-self.flip[who]) - jnp.log(self.flip[who]) + delta * z - delta**2 / 2
        bought = world.bought.at[who, item].max(choice.valid)
        outcome = Outcome(
            jnp.where(is_wrong, other, self.y[item]), jnp.where(choice.valid, self.price[who], 0), jax.nn.sigmoid(odds)
        )
        return PoolWorld(bought, world.held_out), outcome

    def value(self, world: PoolWorld) -> Float[Array, "K"]:
        """The probability that each label, if bought, is right."""
        return 1 - self.error.ravel()

    def exam(self, world: PoolWorld) -> tuple[Menu, Int[Array, "N"], Bool[Array, "N"]]:
        """All items as a menu, their true classes, and the mask of the ones held out (all, where none are)."""
        n = self.X.shape[0]
        menu = Menu(product(self.X, 1), jnp.zeros(n), jnp.zeros(n), jnp.ones(n, bool))
        return menu, self.y, world.held_out | ~world.held_out.any()


def check_labels(name: str, y: np.ndarray, items: int, classes: int | None) -> int:
    """The number of classes behind labels `[items]`; raises `ValueError` where they are no classes 0..C-1."""
    one_length(name, y, items)
    if (
        y.ndim != 1
        or not np.issubdtype(y.dtype, np.number)
        or not np.array_equal(y, np.round(np.nan_to_num(y, nan=0.5)))
    ):
        raise ValueError(
            f"{name} must hold one whole-number class for each item; its type is {y.dtype}, shape {y.shape}"
        )
    found = int(y.max()) + 1
    classes = max(found, 2) if classes is None else classes
    if y.min() < 0 or found > classes:
        raise ValueError(f"{name} must lie in 0..{classes - 1}; it has {int(y.min() if y.min() < 0 else y.max())}")
    return classes


def _each(name: str, value: Any, size: int) -> np.ndarray:
    value = np.asarray(value, np.float32)
    if value.ndim == 0:
        return np.full(size, value, np.float32)
    if value.shape != (size,):
        raise ValueError(
            f"{name} must be one number or one for each of the {size} labelers; its shape is {value.shape}"
        )
    return value


def _held_out(value: Any, items: int) -> Array:
    value = np.asarray(value)
    if value.dtype == bool:
        one_length("LabelPool held_out", value, items)
        if value.all():
            raise ValueError("LabelPool held_out leaves no item to ask about: hold out fewer")
        return jnp.asarray(value)
    within("LabelPool held_out", value, 0, 1)
    if round(float(value) * items) >= items:
        raise ValueError(f"LabelPool held_out is {float(value):g} of {items} items, which leaves none to ask about")
    return jnp.asarray(value, jnp.float32)
