"""Reservation values: what a box that may be opened at a price is worth before it is."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from altheory.core import Key, Menu, needs
from altheory.core.record import is_traced
from altheory.scores.prizes import Prize
from altheory.scores.prizes.common import floats


def expected_excess(prize: Any, threshold: Any) -> Float[Array, "..."]:
    r"""Expected excess :math:`E(V - k)_+` of each prize over `threshold`, which broadcasts with the prize's shape.

    Raises `TypeError` where `prize` is no law of prizes. Cite: weitzman1979optimal.
    """
    _require_prize("expected_excess", prize)
    return _excess(prize, floats(threshold))


def reservation_value(prize: Any, price: Any) -> Float[Array, "..."]:
    r"""Weitzman's reservation value :math:`\kappa`, the root of :math:`E(V - \kappa)_+ = c`.

    `prize` holds one law or many, `price` broadcasts with its shape. The value does not increase with the price; at
    price 0, where every :math:`k \ge \sup V` is a root, it is the least of them. Closed forms are exact; the rest is
    at machine precision. Differentiable: :math:`d\kappa/dc = -1/P(V > \kappa)`. Raises `TypeError` where `prize` is
    no law of prizes, `ValueError` where a price is negative or NaN. Cite: weitzman1979optimal.

    >>> import altheory as al
    >>> print(al.reservation_value(al.BernoulliPrize(0.5), 0.1))
    0.8
    """
    _require_prize("reservation_value", prize)
    price = floats(price)
    if not is_traced(price) and not (np.asarray(price) >= 0).all():
        raise ValueError(f"reservation_value price must be at least 0; it has {np.nanmin(np.asarray(price)):g} or NaN")
    return _reserve(prize, price)


@needs("prizes")
def reservation(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    r"""The reservation value of each box at its menu price, for a belief with `prizes`: Weitzman's index.

    With independent boxes, recall, and no prize without inspection, opening by it and stopping when the best in hand
    is at least every index left is optimal. Cite: weitzman1979optimal.
    """
    return belief.prizes(menu).reservation(menu.price)


@jax.jit
def _excess(prize: Any, threshold: Array) -> Array:
    return prize.excess(threshold)


@jax.jit
def _reserve(prize: Any, price: Array) -> Array:
    return prize.reservation(price)


def _require_prize(name: str, prize: Any) -> None:
    if not isinstance(prize, Prize):
        raise TypeError(
            f"{name} needs a law of prizes, such as GaussianPrize(mean, std) or SamplePrize(samples); it got "
            f"{type(prize).__name__}"
        )
