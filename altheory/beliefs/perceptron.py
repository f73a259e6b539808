"""The perceptron: a halfspace moved by its mistakes."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from altheory.core import Menu, features, per_item, record, static
from altheory.core.check import at_least
from altheory.core.numerics import dot


@record
class Perceptron:
    r"""Weights `w` `[d]` for two classes, told apart by the sign of :math:`w^\top x`.

    A label (0 or 1, read as a sign s) with :math:`s\,w^\top x \le 0` adds :math:`s\,x` to `w` and counts as one of the
    `mistakes`; any other changes nothing. Update and memory: O(d). Cite: rosenblatt1958perceptron.
    """

    weights: Float[Array, "d"]
    mistakes: Int[Array, ""]
    classes: int = static(default=2)

    @property
    def dim(self) -> int:
        """The number of features."""
        return self.weights.shape[-1]

    def update(self, row: Menu, y: Any) -> "Perceptron":
        x = features(row.x)
        sign = (2 * jnp.asarray(y, jnp.int32) - 1).astype(x.dtype)
        wrong = row.open & ~(sign * dot(x, self.weights) > 0)
        return self.replace(  # type: ignore[attr-defined]
            weights=self.weights + jnp.where(wrong, sign, 0) * x,
            mistakes=self.mistakes + wrong.astype(self.mistakes.dtype),
        )

    def decision(self, menu: Menu) -> Float[Array, "K"]:
        r"""The signed margin :math:`w^\top x`."""
        return per_item(lambda x: dot(x, self.weights), menu.x)

    def probs(self, menu: Menu) -> Float[Array, "K 2"]:
        """All mass on the class of the sign, half on each at 0."""
        one = (jnp.sign(self.decision(menu)) + 1) / 2
        return jnp.stack([1 - one, one], -1)


def perceptron(dim: int) -> Perceptron:
    """A perceptron in `dim` features that has made no mistake yet."""
    at_least("perceptron dim", dim, 1)
    return Perceptron(jnp.zeros(dim), jnp.int32(0))
