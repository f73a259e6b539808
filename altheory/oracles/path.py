"""Measuring a field along a path: what a measurement costs depends on where one is."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Choice, Key, Menu, Outcome, leaf, record
from altheory.core.arrays import floats
from altheory.core.check import finite, matrix, nonnegative, one_length, within
from altheory.core.numerics import cholesky, dot
from altheory.oracles.bandit import REALS


@record
class PathWorld:
    """The field of this run `[N]`, which places were measured, and the place one is at."""

    field: Float[Array, "N"]
    seen: Bool[Array, "N"]
    at: Int[Array, ""]


@record
class PathSurvey:
    r"""N places at positions `x [N, d]` whose values are a draw of :math:`N(0, \Sigma)`, afresh in each run.

    One starts at place `start`. A measurement at place k costs `fixed` plus `rate` times the straight way to it from
    where one is, and shows the value with a Gaussian error of deviation `noise`; each place is measured once. `cov` is
    :math:`\Sigma`, such as `kernel(x, x)`. Prices depend on what was bought before, so theorems on fixed prices do not
    apply. Memory: N^2. Raises `ValueError` where sizes differ, a number is negative, or `start` is no place.
    Cite: akins2024cost.
    """

    costs_at_most_price = True
    fixed_prices = False
    reward_range = REALS

    x: Float[Array, "N d"] = leaf(converter=floats)
    cov: Float[Array, "N N"] = leaf(converter=floats)
    noise: Float[Array, ""] | float = 0.1
    rate: Float[Array, ""] | float = 1.0
    fixed: Float[Array, ""] | float = 0.0
    start: Int[Array, ""] | int = leaf(default=0, converter=lambda i: jnp.asarray(i, jnp.int32))

    def __check__(self) -> None:
        matrix("PathSurvey x", self.x)
        finite("PathSurvey x", self.x)
        one_length("PathSurvey cov", self.cov, self.x.shape[0])
        if self.cov.shape != (self.x.shape[0],) * 2:
            raise ValueError(f"PathSurvey cov must be [N, N] for the {self.x.shape[0]} places; it is {self.cov.shape}")
        for name in ("noise", "rate", "fixed"):
            nonnegative(f"PathSurvey {name}", getattr(self, name))
        within("PathSurvey start", self.start, 0, self.x.shape[0] - 1)

    def init(self, key: Key) -> PathWorld:
        places = self.x.shape[0]
        root = cholesky(self.cov + 1e-5 * jnp.trace(self.cov) / places * jnp.eye(places, dtype=self.cov.dtype))
        field = dot(root, jax.random.normal(key, (places,), self.cov.dtype))
        return PathWorld(field, jnp.zeros(places, bool), jnp.asarray(self.start, jnp.int32))

    def offer(self, world: PathWorld) -> Menu:
        way = jnp.sqrt(((self.x - self.x[world.at]) ** 2).sum(-1))
        return Menu(self.x, self.fixed + self.rate * way, self.noise * jnp.ones_like(way), ~world.seen)

    def answer(self, world: PathWorld, choice: Choice, key: Key) -> tuple[PathWorld, Outcome]:
        price = self.offer(world).price[choice.item]
        y = world.field[choice.item] + self.noise * jax.random.normal(key, (), world.field.dtype)
        seen = world.seen.at[choice.item].max(choice.valid)
        at = jnp.where(choice.valid, choice.item, world.at).astype(jnp.int32)
        return PathWorld(world.field, seen, at), Outcome(y, jnp.where(choice.valid, price, 0))

    def value(self, world: PathWorld) -> Float[Array, "N"]:
        """The field."""
        return world.field
