"""The joint law of a growing batch's labels as weighted configurations: all of them while they fit, then a sample."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Key, record
from altheory.core.numerics import dot


@record
class Configurations:
    r"""At most K configurations of the picked items' labels.

    `weight[k]` estimates the probability of configuration k without bias (and is it while `exact`); `posterior[k]` is
    the law of the M draws given that the picked items have those labels. Unused slots, always last, have weight 0.
    """

    weight: Float[Array, "K"]
    posterior: Float[Array, "K M"]
    exact: Bool[Array, ""]

    @staticmethod
    def of_nothing(size: int, draws: int, dtype: jnp.dtype) -> "Configurations":
        """The one configuration of no labels at all."""
        weight = jnp.zeros(size, dtype).at[0].set(1)
        return Configurations(weight, jnp.full((size, draws), 1 / draws, dtype), jnp.array(True))

    def extend(self, p: Float[Array, "M C"], key: Key) -> "Configurations":
        """Add one item with label probabilities `p` under each draw; thin where there are more than K."""
        joint = self.weight[:, None] * dot(self.posterior, p)
        flat = joint.reshape(-1)
        slots, weight, exact = thin(flat, self.weight.shape[0], key)
        parent, label = slots // p.shape[1], slots % p.shape[1]
        posterior = self.posterior[parent] * p.T[label]
        posterior = posterior / jnp.maximum(posterior.sum(-1, keepdims=True), jnp.finfo(p.dtype).tiny)
        return Configurations(weight, posterior, self.exact & exact)

    def coarse(self, groups: int) -> tuple[Float[Array, "groups"], Float[Array, "groups M"]]:
        r"""The configurations merged into `groups`: their total weights, and weights times mean posterior.

        Entropy is concave, so :math:`\sum_g W_gH(\bar p_g) \ge \sum_kw_kH(\bar p_k)`: an upper bound that holds for
        this sample as it is, equal to the truth where no two live configurations share a group.
        """
        index = jnp.arange(self.weight.shape[0], dtype=jnp.int32)
        by_weight = jnp.floor(groups * (jnp.cumsum(self.weight) - self.weight / 2)).astype(jnp.int32)
        few = (self.weight > 0).sum() <= groups
        group = jnp.clip(jnp.where(few, index, by_weight), 0, groups - 1)
        member = jnp.where(group == jnp.arange(groups, dtype=jnp.int32)[:, None], self.weight, 0)
        return member.sum(-1), dot(member, self.posterior)


@partial(jax.jit, static_argnames="size")
def thin(weights: Float[Array, "n"], size: int, key: Key) -> tuple[Int[Array, "size"], Float[Array, "size"], Array]:
    r"""Keep at most `size` of n weighted points so that every point keeps its weight in expectation.

    Up to `size` positive weights are all kept as they are. Of more, those above a threshold :math:`\kappa` are kept as
    they are and the others, by systematic sampling in their order, with probability :math:`w/\kappa` and weight
    :math:`\kappa`, where :math:`\sum_i\min(1, w_i/\kappa)` = `size`. Returns the points' indices, their new weights (0
    in unused slots) and whether nothing was lost. Memory: a few n. Cite: fearnhead2003online.
    """
    n = weights.shape[0]
    exact = (weights > 0).sum() <= size
    ordered = jnp.sort(weights, descending=True)
    rest = jnp.cumsum(ordered[::-1])[::-1]
    rank = jnp.arange(n, dtype=jnp.int32)
    left = jnp.maximum(size - rank, 0).astype(weights.dtype)
    fits = ordered * left < rest
    certain = jnp.where(exact, n, jnp.argmax(fits | (left <= 0)))
    at = jnp.minimum(certain, n - 1)
    threshold = rest[at] / jnp.maximum(left[at], 1)
    surely = jnp.where(exact, weights > 0, weights >= threshold)
    chance = jnp.where(surely, 0, weights / jnp.where(threshold > 0, threshold, 1))
    count = (size - surely.sum()).astype(weights.dtype)
    walk = jnp.cumsum(chance)
    walk = walk * jnp.where(walk[-1] > 0, count / jnp.where(walk[-1] > 0, walk[-1], 1), 0)
    steps = jnp.floor(walk + jax.random.uniform(key, dtype=weights.dtype))
    hit = steps > jnp.concatenate([jnp.zeros(1, steps.dtype), steps[:-1]])
    kept = surely | (~exact & hit)
    index = jnp.nonzero(kept, size=size, fill_value=n)[0].astype(jnp.int32)
    safe = jnp.minimum(index, n - 1)
    value = jnp.where(surely[safe], weights[safe], threshold)
    return safe, jnp.where(index < n, value, 0), exact
