"""Duels between items: which of two is better."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core import Choice, Key, Menu, Outcome, leaf, record, static
from altheory.core.arrays import floats
from altheory.core.check import at_least, finite, nonnegative, one_length, within
from altheory.core.numerics import dot
from altheory.oracles.bandit import BernoulliBandit, unit_vectors


@record
class DuelBandit:
    r"""K items; menu row `i K + j` is the duel of i against j, which i wins with probability `chance[i, j]`.

    `chance` is `[K, K]` with :math:`p_{ij}+p_{ji}=1`. A pair's value is minus its mean shortfall to the Condorcet
    winner w, :math:`-\frac12(p_{wi}+p_{wj}-1)`, so that `regret` is the usual one; where there is none, to the item of
    the largest mean chance (the Borda winner). A duel costs `price`. Raises `ValueError` where chances are none or
    don't add up.
    """

    reward_range = (0.0, 1.0)
    costs_at_most_price = True

    chance: Float[Array, "K K"] = leaf(converter=floats)
    price: Float[Array, ""] | float = 1.0

    def __check__(self) -> None:
        within("DuelBandit chance", self.chance, 0, 1)
        nonnegative("DuelBandit price", self.price)
        if self.chance.ndim != 2 or self.chance.shape[0] != self.chance.shape[1]:
            raise ValueError(f"DuelBandit chance must be [K, K]; its shape is {self.chance.shape}")
        if not isinstance(self.chance, jax.core.Tracer):
            p = np.asarray(self.chance)
            off = np.abs(p + p.T - 1)
            if off.max() > 1e-5:
                i, j = np.unravel_index(off.argmax(), p.shape)
                raise ValueError(
                    f"DuelBandit chance must have p[i, j] + p[j, i] = 1; of {i} and {j} it is {p[i, j] + p[j, i]:g}"
                )

    @property
    def borda(self) -> Float[Array, "K"]:
        r"""Each item's chance against a uniform other one, :math:`b_i=\frac1{K-1}\sum_{j\ne i}p_{ij}`."""
        return (self.chance.sum(1) - 0.5) / max(self.chance.shape[0] - 1, 1)

    @property
    def best(self) -> Array:
        """The Condorcet winner, or the Borda winner where there is none."""
        beats = (self.chance >= 0.5).all(1)
        return jnp.where(beats.any(), jnp.argmax(beats), jnp.argmax(self.borda))

    def reduced(self) -> BernoulliBandit:
        """The bandit of items whose pulls are duels against a uniform other item: its best arm is the Borda winner."""
        return BernoulliBandit(self.borda)

    def init(self, key: Key) -> tuple[()]:
        return ()

    def offer(self, world: tuple[()]) -> Menu:
        size = self.chance.shape[0]
        i, j = jnp.divmod(jnp.arange(size * size, dtype=jnp.int32), size)
        ones = jnp.ones(size * size, self.chance.dtype)
        return Menu(jnp.stack([i, j], -1), self.price * ones, 0 * ones, ones > 0)

    def answer(self, world: tuple[()], choice: Choice, key: Key) -> tuple[tuple[()], Outcome]:
        won = jax.random.uniform(key, choice.item.shape) < self.chance.ravel()[choice.item]
        cost = jnp.where(choice.valid, jnp.asarray(self.price, self.chance.dtype), 0)
        return world, Outcome(won.astype(self.chance.dtype), cost)

    def value(self, world: tuple[()]) -> Float[Array, "K K"]:
        """Minus each pair's mean shortfall to the best item."""
        short = self.chance[self.best] - 0.5
        return -(short[:, None] + short).ravel() / 2


@record
class ContextualDuels:
    r"""Duels of `arms` fresh uniform unit vectors a round: i beats j with probability :math:`\mu(\theta^\top z_{ij})`.

    :math:`z_{ij} = x_i - x_j` are the features of menu row `i K + j`, :math:`\mu(u) = 1/(1+e^{-u})`: the model of
    Bradley and Terry with linear utilities. A pair's value is minus its mean shortfall to the round's best arm, as in
    `DuelBandit`. A duel costs `price`. The world is the round's vectors `[K, d]`.
    """

    reward_range = (0.0, 1.0)
    costs_at_most_price = True
    classes = 2
    feature_norm = 2.0

    theta: Float[Array, "d"] = leaf(converter=floats)
    arms: int = static()
    price: Float[Array, ""] | float = 1.0

    def __check__(self) -> None:
        one_length("ContextualDuels theta", self.theta, max(self.theta.size, 1))
        finite("ContextualDuels theta", self.theta)
        at_least("ContextualDuels arms", self.arms, 1)
        nonnegative("ContextualDuels price", self.price)

    def init(self, key: Key) -> Float[Array, "K d"]:
        return unit_vectors(key, self.arms, self.theta)

    def offer(self, world: Float[Array, "K d"]) -> Menu:
        ones = jnp.ones(self.arms**2, world.dtype)
        return Menu((world[:, None] - world).reshape(-1, world.shape[1]), self.price * ones, 0 * ones, ones > 0)

    def answer(self, world: Float[Array, "K d"], choice: Choice, key: Key) -> tuple[Array, Outcome]:
        duel_key, next_key = jax.random.split(key)
        chance = self._chance(world).ravel()[choice.item]
        won = jax.random.uniform(duel_key, choice.item.shape) < chance
        cost = jnp.where(choice.valid, jnp.asarray(self.price, world.dtype), 0)
        return self.init(next_key), Outcome(won.astype(world.dtype), cost)

    def value(self, world: Float[Array, "K d"]) -> Float[Array, "K K"]:
        """Minus each pair's mean shortfall to the best arm."""
        short = self._chance(world)[jnp.argmax(dot(world, self.theta))] - 0.5
        return -(short[:, None] + short).ravel() / 2

    def _chance(self, world: Float[Array, "K d"]) -> Float[Array, "K K"]:
        utility = dot(world, self.theta)
        return jax.nn.sigmoid(utility[:, None] - utility)
