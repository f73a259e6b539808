"""Search for the best item by mean and deviation: expected improvement, knowledge gradient, Pandora's index."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Key, Menu, Scalar, needs
from altheory.scores.prizes import GaussianPrize
from altheory.scores.prizes.common import floats
from altheory.scores.prizes.normal import log_density, tail


def expected_improvement(mean: Any, std: Any, best: Any) -> Float[Array, "..."]:
    r"""How much a draw of `N(mean, std^2)` exceeds `best` on average, :math:`E(V - y^\star)_+`.

    Cite: jones1998efficient.
    """
    return GaussianPrize(floats(mean), floats(std)).excess(floats(best))


def log_expected_improvement(mean: Any, std: Any, best: Any) -> Float[Array, "..."]:
    """Its logarithm, finite and with a slope where the improvement itself underflows. Cite: ament2023unexpected."""
    return GaussianPrize(floats(mean), floats(std)).log_excess(floats(best))


def knowledge_gradient(mean: Any, change: Any) -> Float[Array, "..."]:
    r"""How much looking at each item raises the largest posterior mean, :math:`E\max_j\mu'_j - \max_j\mu_j`.

    `mean [K]`; `change [K]` is the standard deviation of the item's own posterior mean after the look, where the look
    tells nothing of the others. Where it does, `change [looks, K]` holds how far each mean moves for one standard
    deviation of the look's outcome. Time: O(K) alone, O(looks K^2) jointly. Cite: frazier2009knowledge.
    """
    mean, change = floats(mean), floats(change)
    if change.ndim == 1:
        order = jnp.argsort(mean, descending=True)
        rival = jnp.where(jnp.arange(mean.shape[0]) == order[0], mean[order[1]], mean[order[0]])
        best = jnp.maximum(mean, rival)
        return GaussianPrize(mean, change).excess(rival) - (best - rival)
    return jnp.stack([_joint_gradient(mean, slope) for slope in change])


def _joint_gradient(mean: Array, slope: Array) -> Array:
    """The mean of the upper envelope of lines `mean + slope Z` less the best mean, piece by piece of it."""
    place = jnp.arange(mean.shape[0])
    gap = slope[:, None] - slope
    cross = (mean - mean[:, None]) / jnp.where(gap == 0, 1, gap)
    low = jnp.where(gap > 0, cross, -jnp.inf).max(1)
    high = jnp.where(gap < 0, cross, jnp.inf).min(1)
    ahead = (mean > mean[:, None]) | ((mean == mean[:, None]) & (place < place[:, None]))
    used = ~((gap == 0) & ahead).any(1) & (low < high)
    # On its piece a line exceeds the best mean by (mean - best) + slope z.
    mass = tail(low) - tail(high)
    pull = jnp.exp(log_density(low)) - jnp.exp(log_density(high))
    over = (mean - mean.max()) * mass + slope * pull
    return jnp.where(used, over, 0).sum()


@needs("mean", "std")
def expected_improvement_score(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    """Expected improvement over the best in hand, or over the largest posterior mean where a belief holds none.

    Per unit of cost: `per_dollar(expected_improvement_score)`. Cite: jones1998efficient.
    """
    mean = belief.mean(menu)
    return _widest(belief.std(menu), lambda std: expected_improvement(mean, std, _incumbent(belief, mean)))


@needs("mean", "std")
def knowledge_gradient_score(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    r"""Knowledge gradient of one noisy look, items taken as independent, noise of standard deviation `menu.noise`.

    The posterior mean then moves by :math:`s^2/\sqrt{s^2 + \sigma^2}`. Where items tell of one another it is a lower
    bound's heuristic; give `knowledge_gradient` the joint moves instead. Cite: frazier2009knowledge.
    """
    mean = belief.mean(menu)

    def gradient(std: Array) -> Array:
        total = jnp.hypot(std, menu.noise.astype(std.dtype))
        return knowledge_gradient(mean, std * jnp.where(total > 0, std / jnp.where(total > 0, total, 1), 0))

    return _widest(belief.std(menu), gradient)


@needs("mean", "std")
def pbgi(belief: Any, menu: Menu, key: Key, *, scale: Scalar = 1.0) -> Float[Array, "K"]:
    r"""Pandora's-box Gittins index: the root k of :math:`\mathrm{EI}(k) = \lambda c`, :math:`\lambda` = `scale`.

    Optimal where items are independent and looks noiseless, with the stop "best in hand at least every index"; with a
    correlated belief, such as a Gaussian process, it is a heuristic. Cite: xie2024cost.
    """
    mean, std = belief.mean(menu), belief.std(menu)
    price = scale * menu.price.astype(mean.dtype)
    return _widest(std, lambda s: GaussianPrize(mean, s).reservation(price))


def _incumbent(belief: Any, mean: Array) -> Array:
    return belief.best if hasattr(belief, "best") else mean.max()


def _widest(std: Array, score: Callable[[Array], Array]) -> Array:
    """A score of standard deviations, infinite where one is: an item nothing is known of comes first."""
    wide = jnp.isposinf(std)
    return jnp.where(wide, jnp.inf, score(jnp.where(wide, 0, std)))
