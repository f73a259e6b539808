"""Searches whose looks are noisy: each costs money, may be repeated, and shows a candidate's worth with an error."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Choice, Key, Menu, Outcome, leaf, record, static
from altheory.core.arrays import floats
from altheory.core.check import at_least, matrix, nonnegative, one_length, positive
from altheory.oracles.bandit import REALS


@record
class NoisySearch:
    """K candidates of independent worths from the laws `prize`, drawn afresh for each run.

    A look at candidate k costs `price[k]` and shows its worth with a Gaussian error of deviation `noise`; looks may be
    repeated, and any candidate may be taken at the end, looked at or not. Raises `ValueError` where sizes differ, a
    price is negative or `noise` is not above 0.
    """

    costs_at_most_price = True
    independent = True
    obligatory = False
    reward_range = REALS

    prize: Any
    price: Float[Array, "K"] = leaf(converter=floats)
    noise: Float[Array, ""] | float = 1.0

    def __check__(self) -> None:
        one_length("NoisySearch price", self.price, max(self.price.size, 1))
        nonnegative("NoisySearch price", self.price)
        positive("NoisySearch noise", self.noise)
        if self.prize.shape not in ((), self.price.shape):
            raise ValueError(
                f"NoisySearch needs one law of worths for each of the {self.price.size} prices; their shape is "
                f"{self.prize.shape}"
            )

    def init(self, key: Key) -> Float[Array, "K"]:
        return self.prize.spread(self.price.shape).sample(key).astype(self.price.dtype)

    def offer(self, world: Float[Array, "K"]) -> Menu:
        size = self.price.shape[0]
        return Menu(jnp.arange(size), self.price, self.noise * jnp.ones(size), jnp.ones(size, bool))

    def answer(self, world: Float[Array, "K"], choice: Choice, key: Key) -> tuple[Array, Outcome]:
        y = world[choice.item] + self.noise * jax.random.normal(key, choice.item.shape, world.dtype)
        return world, Outcome(y, jnp.where(choice.valid, self.price[choice.item], 0))

    def value(self, world: Float[Array, "K"]) -> Float[Array, "K"]:
        """What each candidate is worth."""
        return world


@record
class TrialSearch:
    """Candidates with recorded results `table [items, K]`: a look tries one on `batch` random items and shows the mean.

    A model, a prompt, an annotator or a configuration is such a candidate, an item's result whether it got it right or
    what that earned. `price[k]` is that of a look, and a candidate's worth is its mean over all items. A menu's `noise`
    is the standard deviation of a look. Raises `ValueError` where sizes differ or a price is negative.
    """

    costs_at_most_price = True
    independent = True
    obligatory = False
    reward_range = REALS

    table: Float[Array, "items K"] = leaf(converter=floats)
    price: Float[Array, "K"] = leaf(converter=floats)
    batch: int = static(default=1)

    def __check__(self) -> None:
        matrix("TrialSearch table", self.table)
        one_length("TrialSearch price", self.price, self.table.shape[1])
        nonnegative("TrialSearch price", self.price)
        at_least("TrialSearch batch", self.batch, 1)

    def init(self, key: Key) -> tuple[()]:
        return ()

    def offer(self, world: tuple[()]) -> Menu:
        size = self.price.shape[0]
        noise = jnp.std(self.table, axis=0) * self.batch**-0.5
        return Menu(jnp.arange(size), self.price, noise, jnp.ones(size, bool))

    def answer(self, world: tuple[()], choice: Choice, key: Key) -> tuple[tuple[()], Outcome]:
        rows = jax.random.randint(key, (self.batch, *choice.item.shape), 0, self.table.shape[0])
        y = self.table[rows, choice.item].mean(0)
        return world, Outcome(y, jnp.where(choice.valid, self.price[choice.item], 0))

    def value(self, world: tuple[()]) -> Float[Array, "K"]:
        """What each candidate is worth."""
        return self.table.mean(0)
