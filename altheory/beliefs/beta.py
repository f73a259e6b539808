"""Bernoulli arms under independent Beta priors."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.beliefs.counts import _one_hot
from altheory.core import Key, Menu, Scalar, record
from altheory.core.check import at_least, positive
from altheory.core.random import beta


@record
class BetaBernoulli:
    r"""Posterior :math:`\mathrm{Beta}(a_k, b_k)` of each arm: a reward `y` in [0, 1] adds `y` to a and `1-y` to b."""

    a: Float[Array, "arms"]
    b: Float[Array, "arms"]

    def update(self, row: Menu, y: Any) -> "BetaBernoulli":
        hit = _one_hot(row, self.a)
        y = jnp.asarray(y, self.a.dtype)
        return self.replace(a=self.a + hit * y, b=self.b + hit * (1 - y))  # type: ignore[attr-defined]

    @property
    def arms(self) -> int:
        """The number of arms."""
        return self.a.shape[-1]

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        a, b = self.a[menu.x], self.b[menu.x]
        return a / (a + b)

    def std(self, menu: Menu) -> Float[Array, "K"]:
        a, b = self.a[menu.x], self.b[menu.x]
        return jnp.sqrt(a * b / (a + b + 1)) / (a + b)

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        return beta(key, self.a, self.b)[menu.x]

    def probs(self, menu: Menu) -> Float[Array, "K 2"]:
        p = self.mean(menu)
        return jnp.stack([1 - p, p], -1)

    def predictive(self, menu: Menu, key: Key, draws: int) -> Float[Array, "draws K 2"]:
        shape = (draws, self.a.shape[0])
        p = beta(key, jnp.broadcast_to(self.a, shape), jnp.broadcast_to(self.b, shape))[:, menu.x]
        return jnp.stack([1 - p, p], -1)


def beta_bernoulli(arms: int, *, a: Scalar = 1.0, b: Scalar = 1.0) -> BetaBernoulli:
    """`arms` arms under a Beta(a, b) prior each (uniform by default)."""
    at_least("beta_bernoulli arms", arms, 1)
    positive("beta_bernoulli a", a)
    positive("beta_bernoulli b", b)
    return BetaBernoulli(jnp.full(arms, a, jnp.float32), jnp.full(arms, b, jnp.float32))
