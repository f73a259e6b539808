"""Gauges: what stop rules read of a belief, `(belief, menu, key) -> array`, bound with `score` like any score."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import entr
from jaxtyping import Array, Float, Int

from altheory.core import Key, Menu, ScoreFn, needs


def _classes(belief: Any, x: Float[Array, "M d"]) -> Int[Array, "M"]:
    """The likeliest class of each row."""
    x = jnp.asarray(x)
    n = x.shape[0]
    rows = Menu(x, jnp.zeros(n), jnp.zeros(n), jnp.ones(n, bool))
    return jnp.argmax(belief.probs(rows), -1)


@needs("probs")
def validation_error(
    belief: Any, menu: Menu, key: Key, *, x: Float[Array, "M d"], y: Int[Array, "M"]
) -> Float[Array, ""]:
    """The share of the labelled rows `x`, `y` that the belief gets wrong: a set apart from pool and exam."""
    return (_classes(belief, x) != jnp.asarray(y)).mean()


@needs("probs")
def predictions(belief: Any, menu: Menu, key: Key, *, x: Float[Array, "M d"]) -> Int[Array, "M"]:
    """The belief's classes for the rows `x`, which need no labels."""
    return _classes(belief, x).astype(jnp.int32)


@needs("probs")
def mean_entropy(belief: Any, menu: Menu, key: Key) -> Float[Array, ""]:
    """Entropy of the predicted class in nats, averaged over open items; 0 where none is open."""
    each = entr(belief.probs(menu)).sum(-1)
    return jnp.where(menu.open, each, 0).sum() / jnp.maximum(menu.open.sum(), 1).astype(each.dtype)


@needs("probs")
def max_entropy(belief: Any, menu: Menu, key: Key) -> Float[Array, ""]:
    """The largest entropy of the predicted class over open items, in nats; 0 where none is open."""
    return jnp.where(menu.open, entr(belief.probs(menu)).sum(-1), 0).max()


def top_score(belief: Any, menu: Menu, key: Key, *, score: ScoreFn) -> Float[Array, ""]:
    """The largest score of an open item: what the best purchase is worth, such as `gain` of `error_reduction_score`."""
    return jnp.where(menu.open, score(belief, menu, key), -jnp.inf).max()


GAUGE_KEY = 0
"""Gauges that draw at random do so from the same key each round: differences between rounds are then the belief's."""


def measure(gauges: dict[str, Any], belief: Any, menu: Menu) -> dict[str, Array]:
    """Every gauge's reading."""
    key = jax.random.key(GAUGE_KEY)
    return {name: jnp.asarray(gauge(belief, menu, key)) for name, gauge in gauges.items()}
