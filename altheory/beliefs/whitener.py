"""The covariance of the last points a Gaussian process has seen, held as its inverse's root in a ring."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from altheory.beliefs.kernels import Kernel
from altheory.core import record
from altheory.core.numerics import dot


@record
class Whitener:
    r"""Points `x` `[n, d]` and a root `W` of :math:`(k(x, x) + \mathrm{diag}\,v)^{-1} = W^\top W`, in a ring.

    A slot not yet `live` is a point of variance 1 that is correlated with nothing. `push` costs O(n d + n^2) in
    matrix-vector products: a reflection frees the row that the displaced point alone needs, and the new point's
    functional is written there. Nothing is ever subtracted from a covariance, so float32 keeps it. Memory: n (n + d).
    """

    x: Float[Array, "n d"]
    root: Float[Array, "n n"]
    noise: Float[Array, "n"]
    live: Bool[Array, "n"]
    log_det: Float[Array, ""]

    @staticmethod
    def empty(dim: int, capacity: int) -> "Whitener":
        return Whitener(
            jnp.zeros((capacity, dim)),
            jnp.eye(capacity),
            jnp.ones(capacity),
            jnp.zeros(capacity, bool),
            jnp.zeros(()),
        )

    def push(self, kernel: Kernel, x: Array, noise: Array, slot: Int[Array, ""]) -> tuple["Whitener", "Turn"]:
        """Put a point with noise variance `noise` into a slot; the one that was there is forgotten."""
        here = jnp.arange(self.x.shape[0]) == slot
        turn = Turn.freeing(self.root[:, slot], here)
        root = jnp.where(here[:, None] | here[None], 0, turn.rows(self.root))
        others = self.live & ~here
        k = jnp.where(others, kernel(self.x, x[None])[:, 0], 0)
        u = dot(root, k)
        own = kernel.diag(x[None])[0]
        deviation = jnp.sqrt(jnp.maximum(own + noise - (u * u).sum(), noise))
        functional = (here.astype(u.dtype) - dot(u, root)) / deviation
        made = Whitener(
            jnp.where(here[:, None], x, self.x).astype(self.x.dtype),
            jnp.where(here[:, None], functional, root).astype(self.root.dtype),
            jnp.where(here, noise, self.noise).astype(self.noise.dtype),
            self.live | here,
            (self.log_det + 2 * jnp.log(turn.length) + 2 * jnp.log(deviation)).astype(self.log_det.dtype),
        )
        return made, turn.replace(row=jnp.where(here, deviation, u))  # type: ignore[attr-defined]

    def across(self, kernel: Kernel, x: Float[Array, "K d"]) -> Float[Array, "n K"]:
        """Covariances of the points held with others; 0 for empty slots."""
        return jnp.where(self.live[:, None], kernel(self.x, x), 0)

    def coordinates(self, kernel: Kernel, x: Float[Array, "K d"]) -> Float[Array, "n K"]:
        r""":math:`W k(x_{held}, x)`: what of `x` the points held explain; its squares sum to the variance explained."""
        return dot(self.root, self.across(kernel, x))


@record
class Turn:
    """A reflection that turns one column of the root into its slot's axis; `row` are the new point's coordinates."""

    normal: Float[Array, "n"]
    length: Float[Array, ""]
    row: Float[Array, "n"]

    @staticmethod
    def freeing(column: Float[Array, "n"], here: Bool[Array, "n"]) -> "Turn":
        length = jnp.sqrt((column * column).sum())
        own = jnp.where(here, column, 0).sum()
        normal = column + jnp.where(here, jnp.where(own < 0, -length, length), 0)
        return Turn(normal / jnp.sqrt((normal * normal).sum()), length, column)

    def rows(self, a: Float[Array, "n m"]) -> Float[Array, "n m"]:
        """The reflection applied to the first axis."""
        return a - 2 * jnp.outer(self.normal, dot(self.normal, a))

    def columns(self, a: Float[Array, "m n"]) -> Float[Array, "m n"]:
        """The reflection applied to the last axis."""
        return a - 2 * jnp.outer(dot(a, self.normal), self.normal)
