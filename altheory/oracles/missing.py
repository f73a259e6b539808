"""A pool whose items have missing features: a label may be bought with some of them."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.beliefs.imputed import Told
from altheory.core import Choice, Key, Menu, Outcome, product, record, static
from altheory.core.check import nonnegative, one_length
from altheory.oracles.pool import _held_out, check_labels


@record
class MissingWorld:
    """Whose labels were bought `[N]`, which are held out, and which features are known by now `[N, d]`."""

    bought: Bool[Array, "N"]
    held_out: Bool[Array, "N"]
    known: Bool[Array, "N d"]


@record
class MissingPool:
    """Items x options: menu row `s N + i` is item i's label together with the features that option s marks.

    `x [N, d]` true features, `known [N, d]` which are known beforehand, `y [N]` classes; `options [S, d]` what may be
    bought with a label (a row of none is the label alone); a feature not known yet costs `feature_price[j]`, a label
    `label_price`. Each item's label is bought once; options that add nothing are closed, but for the label alone.
    `held_out [N]` marks items that no one may ask about, which accuracy is measured on.
    Raises `ValueError` where shapes differ, a price is negative or labels are no classes. Cite: astorga2024poca.
    """

    costs_at_most_price = True

    x: Float[Array, "N d"]
    y: Int[Array, "N"]
    known: Bool[Array, "N d"]
    options: Bool[Array, "S d"]
    feature_price: Float[Array, "d"]
    label_price: Float[Array, ""]
    held_out: Bool[Array, "N"]
    classes: int = static()

    def __init__(
        self,
        x: Any,
        y: Any,
        known: Any,
        options: Any,
        *,
        feature_price: Any = 1.0,
        label_price: Any = 1.0,
        held_out: Any = None,
        classes: int | None = None,
    ) -> None:
        x, y, known, options = np.asarray(x), np.asarray(y), np.asarray(known, bool), np.asarray(options, bool)
        if x.ndim != 2 or known.shape != x.shape or options.ndim != 2 or options.shape[1] != x.shape[1]:
            raise ValueError(
                "MissingPool needs x [N, d], known [N, d] and options [S, d]; their shapes are "
                f"{x.shape}, {known.shape}, {options.shape}"
            )
        classes = check_labels("MissingPool y", y, len(x), classes)
        price = np.broadcast_to(np.asarray(feature_price, np.float64), x.shape[1:])
        nonnegative("MissingPool feature_price", price)
        nonnegative("MissingPool label_price", label_price)
        out = np.zeros(len(x), bool) if held_out is None else np.asarray(held_out, bool)
        one_length("MissingPool held_out", out, len(x))
        kind = jnp.result_type(float)
        for name, value in {
            "x": jnp.asarray(x, kind),
            "y": jnp.asarray(y, jnp.int32),
            "known": jnp.asarray(known),
            "options": jnp.asarray(options),
            "feature_price": jnp.asarray(price, kind),
            "label_price": jnp.asarray(label_price, kind),
            "held_out": _held_out(out, len(x)),
            "classes": classes,
        }.items():
            object.__setattr__(self, name, value)

    def init(self, key: Key) -> MissingWorld:
        return MissingWorld(jnp.zeros(self.y.shape, bool), jnp.asarray(self.held_out), self.known)

    def offer(self, world: MissingWorld) -> Menu:
        options, items = self.options.shape[0], self.y.shape[0]
        fresh = self.options[:, None] & ~world.known
        price = self.label_price + jnp.where(fresh, self.feature_price, 0).sum(-1)
        useful = fresh.any(-1) | ~self.options.any(-1)[:, None]
        open = useful & ~world.bought & ~world.held_out
        rows = product(jnp.arange(items, dtype=jnp.int32), options)
        return Menu(rows, price.ravel(), jnp.zeros(options * items, price.dtype), open.ravel())

    def answer(self, world: MissingWorld, choice: Choice, key: Key) -> tuple[MissingWorld, Outcome]:
        option, item = jnp.divmod(choice.item, self.y.shape[0])
        price = self.offer(world).price[choice.item]
        known = world.known[item] | self.options[option]
        told = Told(self.y[item], jnp.where(known, self.x[item], 0), known)
        bought = world.bought.at[item].max(choice.valid)
        seen = world.known.at[item].max(known & choice.valid[..., None])
        return MissingWorld(bought, world.held_out, seen), Outcome(told, jnp.where(choice.valid, price, 0))

    def value(self, world: MissingWorld) -> Float[Array, "K"]:
        """1 for every row: each label is right."""
        return jnp.ones(self.options.shape[0] * self.y.shape[0], self.x.dtype)

    def exam(self, world: MissingWorld) -> tuple[Menu, Int[Array, "N"], Bool[Array, "N"]]:
        """All items as a menu, their true classes, and the mask of the ones held out (all, where none are)."""
        n = self.y.shape[0]
        menu = Menu(product(jnp.arange(n, dtype=jnp.int32), 1), jnp.zeros(n), jnp.zeros(n), jnp.ones(n, bool))
        return menu, self.y, world.held_out | ~world.held_out.any()
