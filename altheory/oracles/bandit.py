"""Bandits: an item is an arm, its outcome a reward."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core import Choice, Key, Menu, Outcome, leaf, record, static
from altheory.core.arrays import singles
from altheory.core.check import at_least, finite, matrix, nonnegative, one_length, positive, within
from altheory.core.numerics import dot

REALS = (-float("inf"), float("inf"))
"""The `reward_range` of rewards that may be any number."""


def _arms(size: int, noise: Array | float = 0.0) -> Menu:
    ones = jnp.ones(size)
    return Menu(jnp.arange(size), ones, noise * ones, jnp.ones(size, bool))


def unit_vectors(key: Key, many: int, like: Array) -> Float[Array, "n d"]:
    """Uniform vectors of length 1, of as many dimensions as `like` has entries, and of its type."""
    x = jax.random.normal(key, (many, like.shape[0]), like.dtype)
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True)


def _cost(choice: Choice) -> Array:
    return jnp.where(choice.valid, 1.0, 0.0)


@record
class BernoulliBandit:
    """Arms that pay 1 with probability `means[k]`, else 0; every pull costs 1."""

    reward_range = (0.0, 1.0)
    costs_at_most_price = True

    means: Float[Array, "K"] = leaf(converter=singles)

    def __check__(self) -> None:
        one_length("BernoulliBandit means", self.means, max(self.means.size, 1))
        within("BernoulliBandit means", self.means, 0, 1)

    def init(self, key: Key) -> Float[Array, "K"]:
        return self.means

    def offer(self, world: Float[Array, "K"]) -> Menu:
        return _arms(world.shape[0])

    def answer(self, world: Float[Array, "K"], choice: Choice, key: Key) -> tuple[Array, Outcome]:
        y = jax.random.uniform(key, choice.item.shape) < world[choice.item]
        return world, Outcome(y.astype(jnp.float32), _cost(choice))

    def value(self, world: Float[Array, "K"]) -> Float[Array, "K"]:
        return world


@record
class PricedBandit:
    """Arms that pay 1 with probability `means[k]`, else 0; a pull of arm k costs `price[k]`, which is above 0."""

    reward_range = (0.0, 1.0)
    costs_at_most_price = True

    means: Float[Array, "K"] = leaf(converter=singles)
    price: Float[Array, "K"] = leaf(converter=singles)

    def __check__(self) -> None:
        one_length("PricedBandit means", self.means, max(self.means.size, 1))
        within("PricedBandit means", self.means, 0, 1)
        one_length("PricedBandit price", self.price, self.means.size)
        positive("PricedBandit price", self.price)

    def init(self, key: Key) -> tuple[()]:
        return ()

    def offer(self, world: tuple[()]) -> Menu:
        return _arms(self.means.shape[0]).replace(price=self.price)  # type: ignore[attr-defined]

    def answer(self, world: tuple[()], choice: Choice, key: Key) -> tuple[tuple[()], Outcome]:
        y = jax.random.uniform(key, choice.item.shape) < self.means[choice.item]
        return world, Outcome(y.astype(jnp.float32), jnp.where(choice.valid, self.price[choice.item], 0))

    def value(self, world: tuple[()]) -> Float[Array, "K"]:
        return self.means


@record
class KnapsackBandit:
    """Arms that pay 1 with probability `means[k]` and use up 1 of resource j with probability `use[k, j]`.

    What was used, `[m]`, is the outcome's `use`; a pull costs 1 of money besides. Add a null arm, all zeros, where a
    policy may pass. Raises `ValueError` where a probability is none or sizes differ.
    """

    reward_range = (0.0, 1.0)
    costs_at_most_price = True

    means: Float[Array, "K"] = leaf(converter=singles)
    use: Float[Array, "K m"] = leaf(converter=singles)

    def __check__(self) -> None:
        matrix("KnapsackBandit use", self.use)
        within("KnapsackBandit use", self.use, 0, 1)
        one_length("KnapsackBandit means", self.means, self.use.shape[0])
        within("KnapsackBandit means", self.means, 0, 1)

    def init(self, key: Key) -> tuple[()]:
        return ()

    def offer(self, world: tuple[()]) -> Menu:
        return _arms(self.means.shape[0])

    def answer(self, world: tuple[()], choice: Choice, key: Key) -> tuple[tuple[()], Outcome]:
        chance = jnp.concatenate([self.means[:, None], self.use], 1)[choice.item]
        drawn = (jax.random.uniform(key, chance.shape) < chance).astype(jnp.float32)
        used = jnp.where(choice.valid[..., None], drawn[..., 1:], 0)
        return world, Outcome(drawn[..., 0], _cost(choice), use=used)

    def value(self, world: tuple[()]) -> Float[Array, "K"]:
        return self.means


@record
class BayesBernoulliBandit:
    """A Bernoulli bandit whose means are drawn afresh for each run, each from Beta(a, b)."""

    reward_range = (0.0, 1.0)
    costs_at_most_price = True

    arms: int = static()
    a: float = 1.0
    b: float = 1.0

    def __check__(self) -> None:
        at_least("BayesBernoulliBandit arms", self.arms, 1)
        positive("BayesBernoulliBandit a", self.a)
        positive("BayesBernoulliBandit b", self.b)

    def init(self, key: Key) -> Float[Array, "K"]:
        return jax.random.beta(key, self.a, self.b, (self.arms,))

    offer, answer, value = BernoulliBandit.offer, BernoulliBandit.answer, BernoulliBandit.value


@record
class GaussianBandit:
    """Arms that pay N(means[k], sd[k]^2); every pull costs 1."""

    reward_range = REALS
    costs_at_most_price = True

    means: Float[Array, "K"] = leaf(converter=singles)
    sd: Float[Array, "*K"] | float = leaf(default=1.0, converter=singles)

    def __check__(self) -> None:
        finite("GaussianBandit means", self.means)
        one_length("GaussianBandit means", self.means, max(self.means.size, 1))
        nonnegative("GaussianBandit sd", self.sd)
        if np.ndim(self.sd):
            one_length("GaussianBandit sd", self.sd, self.means.size)

    @property
    def reward_scale(self) -> Float[Array, ""]:
        """The largest standard deviation of a reward."""
        return jnp.max(jnp.asarray(self.sd))

    def init(self, key: Key) -> tuple[()]:
        return ()

    def offer(self, world: tuple[()]) -> Menu:
        return _arms(self.means.shape[0], self.sd)

    def answer(self, world: tuple[()], choice: Choice, key: Key) -> tuple[tuple[()], Outcome]:
        sd = jnp.broadcast_to(self.sd, self.means.shape)[choice.item]
        y = self.means[choice.item] + sd * jax.random.normal(key, choice.item.shape)
        return world, Outcome(y, _cost(choice))

    def value(self, world: tuple[()]) -> Float[Array, "K"]:
        return self.means


@record
class LinearBandit:
    r"""Fixed arms with features `x` `[K, d]` that pay :math:`x_k^\top\theta + N(0, \sigma^2)`; every pull costs 1."""

    reward_range = REALS
    costs_at_most_price = True

    x: Float[Array, "K d"] = leaf(converter=singles)
    theta: Float[Array, "d"] = leaf(converter=singles)
    sd: Float[Array, ""] | float = 1.0

    def __check__(self) -> None:
        matrix("LinearBandit x", self.x)
        one_length("LinearBandit theta", self.theta, self.x.shape[1])
        finite("LinearBandit theta", self.theta)
        nonnegative("LinearBandit sd", self.sd)

    @property
    def feature_norm(self) -> Float[Array, ""]:
        """The largest length of an arm's features."""
        return jnp.linalg.norm(self.x, axis=-1).max()

    def init(self, key: Key) -> Any:
        return ()

    def offer(self, world: Any) -> Menu:
        return _arms(self.x.shape[0], self.sd).replace(x=self.x)  # type: ignore[attr-defined]

    def answer(self, world: Any, choice: Choice, key: Key) -> tuple[Any, Outcome]:
        y = self.value(world)[choice.item] + self.sd * jax.random.normal(key, choice.item.shape)
        return world, Outcome(y, _cost(choice))

    def value(self, world: Any) -> Float[Array, "K"]:
        return dot(self.x, self.theta)


@record
class ContextualBandit:
    r"""A new menu of `arms` uniform unit vectors each round, paying :math:`x^\top\theta + N(0, \sigma^2)`.

    The world is the round's contexts `[K, d]`.
    """

    reward_range = REALS
    costs_at_most_price = True
    feature_norm = 1.0

    theta: Float[Array, "d"] = leaf(converter=singles)
    arms: int = static()
    sd: Float[Array, ""] | float = 1.0

    def __check__(self) -> None:
        one_length("ContextualBandit theta", self.theta, max(self.theta.size, 1))
        finite("ContextualBandit theta", self.theta)
        at_least("ContextualBandit arms", self.arms, 1)
        nonnegative("ContextualBandit sd", self.sd)

    def init(self, key: Key) -> Float[Array, "K d"]:
        return unit_vectors(key, self.arms, self.theta)

    def offer(self, world: Float[Array, "K d"]) -> Menu:
        return _arms(self.arms, self.sd).replace(x=world)  # type: ignore[attr-defined]

    def answer(self, world: Float[Array, "K d"], choice: Choice, key: Key) -> tuple[Array, Outcome]:
        noise_key, next_key = jax.random.split(key)
        y = self.value(world)[choice.item] + self.sd * jax.random.normal(noise_key, choice.item.shape)
        return self.init(next_key), Outcome(y, _cost(choice))

    def value(self, world: Float[Array, "K d"]) -> Float[Array, "K"]:
        return dot(world, self.theta)


@record
class LogisticBandit:
    r"""A new menu of `arms` uniform unit vectors each round, which pay 1 with probability :math:`\mu(x^\top\theta)`.

    :math:`\mu(z) = 1/(1 + e^{-z})`; else they pay 0. The world is the round's contexts `[K, d]`.
    """

    reward_range = (0.0, 1.0)
    costs_at_most_price = True
    feature_norm = 1.0
    classes = 2

    theta: Float[Array, "d"] = leaf(converter=singles)
    arms: int = static()

    def __check__(self) -> None:
        one_length("LogisticBandit theta", self.theta, max(self.theta.size, 1))
        finite("LogisticBandit theta", self.theta)
        at_least("LogisticBandit arms", self.arms, 1)

    def init(self, key: Key) -> Float[Array, "K d"]:
        return unit_vectors(key, self.arms, self.theta)

    def offer(self, world: Float[Array, "K d"]) -> Menu:
        return _arms(self.arms).replace(x=world)  # type: ignore[attr-defined]

    def answer(self, world: Float[Array, "K d"], choice: Choice, key: Key) -> tuple[Array, Outcome]:
        pay_key, next_key = jax.random.split(key)
        y = jax.random.uniform(pay_key, choice.item.shape) < self.value(world)[choice.item]
        return self.init(next_key), Outcome(y.astype(jnp.float32), _cost(choice))

    def value(self, world: Float[Array, "K d"]) -> Float[Array, "K"]:
        return jax.nn.sigmoid(dot(world, self.theta))
