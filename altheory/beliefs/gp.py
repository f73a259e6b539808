"""Gaussian-process regression: exact on the last labels, conditioned on one more at a time without a factorisation."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from altheory.beliefs.kernels import RBF, Kernel
from altheory.beliefs.whitener import Whitener
from altheory.core import Key, Menu, Scalar, features, per_item, record, static
from altheory.core.check import at_least, positive
from altheory.core.numerics import dot


@record
class GP:
    r"""The posterior of :math:`f \sim \mathrm{GP}(0, k)` given :math:`y_s = f(x_s) + N(0, \sigma_s^2)`.

    Exact for the last `capacity` outcomes; an older one is forgotten. :math:`\sigma_s` is the row's `noise` where that
    is above 0, else the belief's own. Centre the outcomes, as the prior mean is 0.

    Update: O(n d + n^2) for a capacity of n; each capability O(K n (n + d)) and `cov` O(K^2 n). Memory: n (n + d).
    Cite: rasmussen2006gaussian.
    """

    kernel: Any
    ring: Whitener
    y: Float[Array, "n"]
    seen: Int[Array, ""]
    noise: Float[Array, ""] | float = 1.0
    frequencies: int = static(default=256)

    @property
    def dim(self) -> int:
        """The number of features."""
        return self.ring.x.shape[-1]

    def update(self, row: Menu, y: Any) -> "GP":
        slot = self.seen % self.y.shape[-1]
        variance = jnp.where(row.noise > 0, row.noise, jnp.asarray(self.noise, self.y.dtype)) ** 2
        ring, _ = self.ring.push(self.kernel, features(row.x), variance, slot)
        told = self.y.at[slot].set(jnp.asarray(y, self.y.dtype))
        new, old = (ring, told, self.seen + 1), (self.ring, self.y, self.seen)
        ring, told, seen = jax.tree.map(lambda a, b: jnp.where(row.open, a, b), new, old)
        return self.replace(ring=ring, y=told, seen=seen)  # type: ignore[attr-defined]

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        weights = self._solve(self.y)
        return per_item(lambda x: dot(weights, self.ring.across(self.kernel, x)), menu.x)

    def std(self, menu: Menu) -> Float[Array, "K"]:
        r"""Posterior standard deviation of :math:`f`, without the noise of an outcome."""
        return per_item(lambda x: jnp.sqrt(self._variance(x)), menu.x)

    def cov(self, menu: Menu) -> Float[Array, "K K"]:
        """Posterior covariance of the items' values."""
        x = features(menu.x)
        explained = self.ring.coordinates(self.kernel, x)
        return self.kernel(x, x) - dot(explained.T, explained)

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        r"""One posterior function, at all items: a draw of the prior, moved to agree with the outcomes.

        :math:`g(x) + k(x, X)(k(X, X)+\Sigma)^{-1}(y - g(X) - \epsilon)` has the posterior's mean and covariance exactly
        where `g` has the prior's; here `g` is made of `frequencies` random waves, drawn anew each time, and so is
        Gaussian in the limit only (for the `Dot` kernel at once). Cite: wilson2020efficiently.
        """
        wave_key, weight_key, noise_key = jax.random.split(key, 3)
        held = self.kernel.basis(self.ring.x, wave_key, self.frequencies)
        z = jax.random.normal(weight_key, held.shape[1:], held.dtype)
        noise = jnp.sqrt(self.ring.noise) * jax.random.normal(noise_key, self.y.shape, held.dtype)
        weights = self._solve(self.y - dot(held, z) - noise)

        def at(x: Array) -> Array:
            prior = dot(self.kernel.basis(x, wave_key, self.frequencies), z)
            return prior + dot(weights, self.ring.across(self.kernel, x))

        return per_item(at, menu.x)

    @property
    def gain(self) -> Float[Array, ""]:
        r"""Twice the information that the outcomes held carry about `f`: :math:`\log\det(I + \Sigma^{-1}k(X, X))`."""
        return self.ring.log_det - jnp.where(self.ring.live, jnp.log(self.ring.noise), 0).sum()

    @property
    def log_evidence(self) -> Float[Array, ""]:
        r"""The log marginal likelihood :math:`\log p(y)` of the outcomes held: what kernels are compared by."""
        surprise = dot(self.ring.root, jnp.where(self.ring.live, self.y, 0))
        return -0.5 * ((surprise**2).sum() + self.ring.log_det + self.ring.live.sum() * jnp.log(2 * jnp.pi))

    def radius(self, delta: Scalar, bound: Scalar) -> Float[Array, ""]:
        r"""How many `std` wide an interval must be to hold at all times with probability :math:`1-\delta`.

        :math:`\sqrt{2\log(1/\delta) + \log\det(I+\Sigma^{-1}K)} + S` where the norm of `f` in the kernel's space is at
        most S = `bound`, while no outcome was forgotten. Cite: abbasi2012online.
        """
        return jnp.sqrt(2 * jnp.log(1 / jnp.asarray(delta)) + self.gain) + bound

    def _solve(self, b: Float[Array, "n"]) -> Float[Array, "n"]:
        return dot(dot(self.ring.root, jnp.where(self.ring.live, b, 0)), self.ring.root)

    def _variance(self, x: Float[Array, "K d"]) -> Float[Array, "K"]:
        explained = self.ring.coordinates(self.kernel, x)
        return jnp.maximum(self.kernel.diag(x) - (explained**2).sum(0), 0)


def gp(
    dim: int,
    *,
    kernel: Kernel | None = None,
    noise: Scalar = 1.0,
    capacity: int = 256,
    frequencies: int = 256,
) -> GP:
    """A Gaussian-process belief in `dim` features: `kernel` (`RBF()` where None) and outcome sd `noise`.

    Raises `ValueError` where a size is below 1, or the noise is not above 0.
    """
    at_least("gp dim", dim, 1)
    at_least("gp capacity", capacity, 1)
    at_least("gp frequencies", frequencies, 1)
    positive("gp noise", noise)
    ring = Whitener.empty(dim, capacity)
    kernel = RBF() if kernel is None else kernel
    return GP(kernel, ring, jnp.zeros(capacity), jnp.zeros((), jnp.int32), noise, frequencies)
