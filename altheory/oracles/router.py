"""A stream of prompts and the models that may answer each, from recorded or simulated outcomes."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from altheory.core import Choice, Key, Menu, Outcome, Rows, leaf, record, static
from altheory.core.arrays import floats, whole
from altheory.core.check import finite, matrix, nonnegative, one_length, within


@record
class Stream:
    """The order in which this run's prompts come `[N]`, and how many have."""

    order: Int[Array, "N"]
    at: Int[Array, ""]


@record
class PromptStream:
    """N prompts in an order drawn afresh for each run, each answered by one of K models (or people).

    `x [N, d]` are a prompt's features, `quality [N, K]` in [0, 1] how good a model's answer is, `cost [N, K]` what it
    costs, and `price` `[K]` or `[N, K]` the most it may cost, which the menu declares (by default the dearest answer of
    each model). An outcome is the quality a judge sees: with probability `judge` it is that of the opposite answer,
    1 - quality. With `against` it is a preference instead: 1 where the judge prefers the answer to that of model
    `against`, of quality r, which happens with probability (1 + quality - r)/2, else 0; the other answer is paid for
    too. Model k is open from round `since[k]` on, and from round `change` on its costs are multiplied by
    `factor[k]`; declared prices cover both. After N prompts the order begins again.

    Menu row k is model k on the prompt at hand: `menu.x` holds the prompt's features once, and `x.source` the model.
    Memory: N (d + 2 K), or 3 K. Raises `ValueError` where sizes differ, a number is out of range, or a cost exceeds
    its declared price.
    """

    costs_at_most_price = True
    reward_range = (0.0, 1.0)

    x: Float[Array, "N d"] = leaf(converter=floats)
    quality: Float[Array, "N K"] = leaf(converter=floats)
    cost: Float[Array, "N K"] = leaf(converter=floats)
    price: Float[Array, "*N K"] | None = leaf(default=None, converter=floats)
    judge: Float[Array, ""] | float = 0.0
    since: Int[Array, "K"] | None = leaf(default=None, converter=whole)
    change: Int[Array, ""] | int = leaf(default=2**30, converter=whole)
    factor: Float[Array, "K"] | float = leaf(default=1.0, converter=floats)
    against: int | None = static(default=None)

    def __check__(self) -> None:
        matrix("PromptStream x", self.x)
        finite("PromptStream x", self.x)
        matrix("PromptStream quality", self.quality)
        one_length("PromptStream quality", self.quality, self.x.shape[0])
        within("PromptStream quality", self.quality, 0, 1)
        nonnegative("PromptStream cost", self.cost)
        nonnegative("PromptStream factor", self.factor)
        within("PromptStream judge", self.judge, 0, 0.5)
        if self.cost.shape != self.quality.shape:
            raise ValueError(
                f"PromptStream cost must be {self.quality.shape}, as quality is; its shape is {self.cost.shape}"
            )
        models = self.quality.shape[1]
        if self.against is not None and not 0 <= self.against < models:
            raise ValueError(f"PromptStream against must be a model from 0 to {models - 1}; it is {self.against}")
        for name in ("since", "factor"):
            value = getattr(self, name)
            if value is not None and np.ndim(value):
                one_length(f"PromptStream {name}", value, models)
        if self.price is not None:
            if self.price.shape not in ((models,), self.quality.shape):
                raise ValueError(
                    f"PromptStream price must be [{models}] or {self.quality.shape}; its shape is {self.price.shape}"
                )
            if isinstance(self.price, jax.core.Tracer):
                return
            most = np.asarray(self.cost * jnp.maximum(self.factor, 1))
            over = np.argwhere(most > np.asarray(self.price) * (1 + 1e-6))
            if len(over):
                i, k = over[0]
                declared = np.broadcast_to(self.price, most.shape)[i, k]
                raise ValueError(
                    f"PromptStream price declares at most {declared:g} for model {k}, whose answer to prompt {i} costs "
                    f"{most[i, k]:g}: raise it"
                )

    def init(self, key: Key) -> Stream:
        return Stream(jax.random.permutation(key, self.x.shape[0]).astype(jnp.int32), jnp.zeros((), jnp.int32))

    def _prompt(self, world: Stream) -> Array:
        return world.order[world.at % self.x.shape[0]]

    def offer(self, world: Stream) -> Menu:
        i, models = self._prompt(world), self.quality.shape[1]
        most = self.cost.max(0) * jnp.maximum(self.factor, 1) if self.price is None else self.price
        price = most[i] if most.ndim == 2 else most
        rows = Rows(self.x[i][None], jnp.zeros(models, jnp.int32), jnp.arange(models, dtype=jnp.int32), models)
        open = jnp.ones(models, bool) if self.since is None else world.at >= self.since
        price = self._with_other(price)
        return Menu(rows, price, jnp.zeros_like(price), open)

    def answer(self, world: Stream, choice: Choice, key: Key) -> tuple[Stream, Outcome]:
        i = self._prompt(world)
        factor = jnp.where(world.at >= self.change, jnp.broadcast_to(self.factor, self.quality.shape[1:]), 1)
        q = self.quality[i, choice.item]
        if self.against is not None:
            like_key, key = jax.random.split(key)
            liked = (1 + q - self.quality[i, self.against]) / 2
            q = (jax.random.uniform(like_key, q.shape) < liked).astype(q.dtype)
        fooled = jax.random.uniform(key, choice.item.shape) < self.judge
        cost = jnp.where(choice.valid, self._with_other(self.cost[i] * factor)[choice.item], 0)
        return Stream(world.order, world.at + 1), Outcome(jnp.where(fooled, 1 - q, q), cost)

    def _with_other(self, each: Float[Array, "K"]) -> Float[Array, "K"]:
        """Money for each model's answer, with that for the answer it is compared with."""
        if self.against is None:
            return each
        return each + jnp.where(jnp.arange(each.shape[0]) != self.against, each[self.against], 0)

    def value(self, world: Stream) -> Float[Array, "K"]:
        """How good each model's answer to the prompt at hand is."""
        return self.quality[self._prompt(world)]
