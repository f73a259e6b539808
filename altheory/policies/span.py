"""Coordinates, designs and least squares on the active arms of a compiled loop, from products of small matrices alone.

No factorisation of a library is called: inside a scan on several devices those may wait for each other.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.core.numerics import dot

ITERATES = 64
"""Multiplicative iterates a design is the average of: its largest leverage is at most r (n/r)^(1/64)."""

GAP, ROUNDS, FLOOR = 0.05, 500, 0.02
"""A design of differences ends within this share of the best, or after so many iterates; the weight spread evenly."""

RANK = 1e-5
"""A direction in which no active arm is longer than this share of the longest counts as outside the span (float32)."""


def span_coordinates(x: Float[Array, "K d"], active: Bool[Array, "K"]) -> tuple[Float[Array, "K d"], Bool[Array, "d"]]:
    r"""Coordinates of all arms in the span of the active ones, in which active arms lie in :math:`[-1, 1]^d`.

    The j-th direction is that of the largest residual of an active arm, Gram and Schmidt with pivoting, in units of
    its length: however near to each other or wildly scaled arms are, the arms picked form a triangular matrix with ones
    on its diagonal. Directions past the rank are masked and hold zeros. O(K d^2).
    """
    scale = jnp.abs(jnp.where(active[:, None], x, 0)).max(0)
    rows = x / jnp.where(scale > 0, scale, 1)
    longest = jnp.where(active, jnp.sqrt((rows * rows).sum(1)), 0).max()

    def direction(left: Array, _: None) -> tuple[Array, tuple[Array, Array]]:
        length = jnp.where(active, (left * left).sum(1), -1)
        i = jnp.argmax(length)
        size = jnp.sqrt(jnp.maximum(length[i], 0))
        inside = size > RANK * longest
        unit = jnp.where(inside, left[i] / jnp.where(inside, size, 1), 0)
        along = dot(left, unit)
        left = left - along[:, None] * unit
        left = left - dot(left, unit)[:, None] * unit
        return left, (jnp.where(inside, along / jnp.where(inside, size, 1), 0), inside)

    _, (along, inside) = jax.lax.scan(direction, rows, None, length=x.shape[1])
    return along.T, inside


def inverse(v: Float[Array, "d d"], inside: Bool[Array, "d"]) -> Float[Array, "d d"]:
    """The inverse of a positive semidefinite matrix on the directions `inside`, zero on the others.

    Gauss and Jordan's sweeps with scaling to a unit diagonal, and one Newton step.
    """
    d = v.shape[0]
    both = inside[:, None] & inside
    eye = jnp.eye(d, dtype=v.dtype)
    root = jnp.sqrt(jnp.where(inside, jnp.diagonal(v), 1))
    root = jnp.where(root > 0, root, 1)
    a = jnp.where(both, v / (root[:, None] * root), eye)

    def sweep(k: Array, m: Array) -> Array:
        row = m[k] / m[k, k]
        others = m - jnp.outer(m[:, k], row)
        swept = others.at[k].set(row).at[:, k].set(-m[:, k] / m[k, k])
        return swept.at[k, k].set(1 / m[k, k])

    b = jax.lax.fori_loop(0, d, sweep, a)
    b = b + dot(b, eye - dot(a, b))
    return jnp.where(both, (b + b.T) / 2 / (root[:, None] * root), 0)


def leverages(z: Float[Array, "K d"], inside: Bool[Array, "d"], weights: Float[Array, "K"]) -> Float[Array, "K"]:
    r""":math:`z_k^\top V(\pi)^{-1}z_k` of every arm."""
    return (dot(z, inverse(dot(z.T, weights[:, None] * z), inside)) * z).sum(1)


def average_design(
    z: Float[Array, "K d"], inside: Bool[Array, "d"], active: Bool[Array, "K"]
) -> tuple[Float[Array, "K"], Float[Array, ""]]:
    r"""A near G-optimal design on the active arms and its largest leverage among them.

    The average of the first 64 iterates of :math:`\pi_k \leftarrow \pi_kw_k/r` from uniform weights: with n active arms
    of rank r its largest leverage is at most :math:`r(n/r)^{1/64}`, known before it is run. It may hold all n arms.
    O(64 (K d^2 + d^3)). Cite: titterington1976algorithms, cohen2019near.
    """
    count = jnp.maximum(active.sum(), 1).astype(z.dtype)
    rank = jnp.maximum(inside.sum(), 1).astype(z.dtype)
    uniform = jnp.where(active, 1 / count, 0)

    def step(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        weights, total = carry
        moved = weights * leverages(z, inside, weights) / rank
        return (moved / jnp.maximum(moved.sum(), 1e-30), total + weights), None

    (_, total), _ = jax.lax.scan(step, (uniform, jnp.zeros_like(uniform)), None, length=ITERATES)
    weights = jnp.where(total.sum() > 0, total / jnp.where(total.sum() > 0, total.sum(), 1), uniform)
    return weights, jnp.where(active, leverages(z, inside, weights), 0).max()


def difference_design(
    z: Float[Array, "K d"], inside: Bool[Array, "d"], active: Bool[Array, "K"]
) -> tuple[Float[Array, "K"], Float[Array, ""]]:
    r"""A design on all arms for the differences of the active ones, and the largest :math:`f_{ij}` under it.

    :math:`f_{ij} = \|z_i-z_j\|^2_{V^{-1}}` for active i, j. Weights :math:`\pi_k \propto \pi_k\sqrt{h_k}`, with
    :math:`h_k = \sum q_{ij}(z_k^\top V^{-1}(z_i-z_j))^2`, and a law on pairs :math:`q_{ij} \propto q_{ij}f_{ij}` take
    turns. No design is below :math:`(\sum_k\pi_kh_k)^2/\max_kh_k`: it ends within 5 % of that, or after 500 iterates.
    O(K^2 d + d^3) each.
    """
    arms = z.shape[0]
    pairs = (active[:, None] & active & ~jnp.eye(arms, dtype=bool)).astype(z.dtype)
    many = jnp.maximum(pairs.sum(), 1)

    def measured(weights: Array) -> tuple[Array, Array, Array]:
        along = dot(z, inverse(dot(z.T, weights[:, None] * z), inside))
        gram = dot(along, z.T)
        own = jnp.diagonal(gram)
        return along, gram, jnp.maximum(own[:, None] + own - 2 * gram, 0) * pairs

    def more(carry: tuple[Array, Array, Array, Array, Array]) -> Array:
        _, _, worst, least, rounds = carry
        return (worst > least * (1 + GAP)) & (rounds < ROUNDS)

    def step(carry: tuple[Array, Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array, Array]:
        weights, law, _, least, rounds = carry
        _, gram, far = measured(weights)
        mean = (law * far).sum()
        h = 2 * (dot(gram**2, law.sum(1)) - (dot(gram, law) * gram).sum(1))
        least = jnp.maximum(least, mean**2 / jnp.maximum(h.max(), 1e-30))
        moved = weights * jnp.sqrt(jnp.maximum(h, 0))
        moved = (1 - FLOOR) * moved / jnp.maximum(moved.sum(), 1e-30) + FLOOR / arms
        pushed = law * far
        law = pushed / jnp.maximum(pushed.sum(), 1e-30)
        done = far.max() <= least * (1 + GAP)
        return jnp.where(done, weights, moved), law, far.max(), least, rounds + 1

    zero = jnp.zeros((), z.dtype)
    far = jnp.where(pairs.any(), jnp.inf, zero)
    first = (jnp.full(arms, 1 / arms, z.dtype), pairs / many, far, zero, jnp.int32(0))
    weights, *_ = jax.lax.while_loop(more, step, first)
    return weights, measured(weights)[2].max()


def least_squares(
    z: Float[Array, "K d"], inside: Bool[Array, "d"], pulled: Float[Array, "K"], sums: Float[Array, "K"]
) -> Float[Array, "K"]:
    """Estimates of every arm's mean from the pulls of each and their summed rewards."""
    v = inverse(dot(z.T, pulled[:, None] * z), inside)
    return dot(z, dot(v, dot(z.T, sums)))
