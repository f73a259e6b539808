"""Boxes: laws of what each may hold, what was found in those opened, and the best in hand."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.core import Key, Menu, Scalar, record
from altheory.core.check import at_least, finite


@record
class Boxes:
    r"""Independent boxes whose prizes have known laws; `menu.x` holds box ids `[K]`, and an outcome is the prize found.

    `prize` holds a law for each box (see `altheory.scores.prizes`), `found` the prizes of the boxes `opened`, and
    `hand` the best prizes found so far, one for each winner, in falling order; it starts at the outside option.
    """

    prize: Any
    found: Float[Array, "arms"]
    opened: Bool[Array, "arms"]
    hand: Float[Array, "winners"]

    def update(self, row: Menu, y: Any) -> "Boxes":
        mine = (jnp.arange(self.arms) == row.x) & row.open
        y = jnp.asarray(y, self.hand.dtype)
        some = jnp.where(row.open, y, -jnp.inf)
        hand = jnp.sort(jnp.append(self.hand, some), descending=True)[:-1]
        return self.replace(found=jnp.where(mine, y, self.found), opened=self.opened | mine, hand=hand)  # type: ignore[attr-defined]

    @property
    def arms(self) -> int:
        """The number of boxes."""
        return self.opened.shape[-1]

    @property
    def best(self) -> Float[Array, ""]:
        """What a further prize must exceed to be of use: the least of the best in hand."""
        return self.hand[-1]

    def prizes(self, menu: Menu) -> Any:
        """The laws of the menu's boxes."""
        return jax.tree.map(lambda x: x[menu.x], self.prize)

    def count(self, menu: Menu) -> Float[Array, "K"]:
        """1 for a box that was opened, else 0."""
        return self.opened[menu.x].astype(self.hand.dtype)

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        """The prize found, or the mean of the box's law."""
        return jnp.where(self.opened, self.found, self.prize.mean())[menu.x]

    def std(self, menu: Menu) -> Float[Array, "K"]:
        """0 for a box that was opened, else the standard deviation of its law."""
        return jnp.where(self.opened, 0, jnp.sqrt(self.prize.variance()))[menu.x]

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        """The prize found, or a draw from the box's law."""
        return jnp.where(self.opened, self.found, self.prize.sample(key))[menu.x]


def boxes(prize: Any, *, outside: Scalar = 0.0, winners: int = 1) -> Boxes:
    """Boxes not opened yet: `prize` holds their laws, of shape `[K]` (a single law stands for one box).

    `outside` is what one has without opening any, for each of `winners` places. Raises `TypeError` where `prize` is
    no law of prizes, `ValueError` where its shape is not `[K]`, `winners` is below 1 or `outside` is not finite.
    """
    if not all(hasattr(prize, name) for name in ("excess", "reservation", "sample", "shape")):
        raise TypeError(
            f"boxes needs laws of prizes, such as GaussianPrize(means, stds); it got {type(prize).__name__}"
        )
    at_least("boxes winners", winners, 1)
    finite("boxes outside", outside)
    if len(prize.shape) > 1:
        raise ValueError(f"boxes needs one law for each box, of shape [K]; the shape of the laws is {prize.shape}")
    spread = prize.spread(prize.shape or (1,))
    kind = jax.tree.leaves(spread)[0].dtype
    size = spread.shape[0]
    return Boxes(spread, jnp.zeros(size, kind), jnp.zeros(size, bool), jnp.full(winners, outside, kind))
