"""Looking at candidates again and again: noisy priced looks, and how near a rival must be for one more to pay."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core import Key, Menu, Scalar, needs
from altheory.core.check import at_least, positive
from altheory.scores.broken_line import crossing, density, look_ahead

WIDE = 6.0
"""Beyond so many posterior deviations from the standard nothing is looked at."""

STEPS = (0.04, 0.02)
"""Two grids, in posterior deviations: errors fall with the square of the step, and are extrapolated away."""

MOST = 20_000
"""Looks after which none is taken any more; a price under 2e-5 noise deviations would allow for them."""


def inspection_boundary(price: float, *, prior: float = 1.0) -> Float[np.ndarray, "looks"]:
    r"""How near a rival must be to a candidate's posterior mean for another look to pay, after 0, 1, ... looks.

    A look costs `price` and shows the candidate's value with unit noise; beforehand the value is N(0, 1/`prior`), and
    after k looks N(m, 1/(`prior` + k)). Against a rival of known value M one stops with max(m, M) or pays for a look:
    :math:`V_k(m) = \max(m, M, -c + E V_{k+1}(m'))`. It pays to look exactly while :math:`|m - M| < b_k`. The last
    entry is 0: from there on no look pays. In noise deviations, to about 1e-5; on the host, in float64.
    Raises `ValueError` where a number is not above 0. Cite: chick2012sequential, gittins2011multi.
    """
    positive("inspection_boundary price", price)
    positive("inspection_boundary prior", prior)
    last = int(min(np.ceil(max(float(density(np.zeros(1))[0]) / price - prior, 0)), MOST)) + 1
    coarse, fine = (_induct(float(price), float(prior), last, step) for step in STEPS)
    bound = np.maximum(fine + (fine - coarse) / 3, 0)
    looks = int(np.max(np.flatnonzero(bound > 0), initial=-1)) + 2
    return bound[:looks]


def _induct(price: float, prior: float, last: int, step: float) -> Float[np.ndarray, "last"]:
    z = np.linspace(-WIDE, WIDE, 2 * round(WIDE / step) + 1)
    zero = len(z) // 2
    value, edge, found = np.maximum(z, 0) / np.sqrt(prior + last), 0.0, np.zeros(last + 1)
    for looks in range(last - 1, -1, -1):
        n = prior + looks
        at, height = z.copy(), value.copy()
        at[np.searchsorted(z, -edge, side="right") - 1] = -edge
        at[np.searchsorted(z, edge, side="left")] = edge
        height[at <= -edge] = 0
        height[at >= edge] = at[at >= edge] / np.sqrt(n + 1)
        gain = look_ahead(z, at, height, 1 / np.sqrt(n + 1), n) - price - np.maximum(z, 0) / np.sqrt(n)
        edge = 0.0
        if gain[zero] > 0:
            right = zero + int(np.argmax(gain[zero:] <= 0))
            edge = crossing(z[zero:], -gain[zero:], right - zero)
        value = np.maximum(z, 0) / np.sqrt(n) + np.maximum(gain, 0)
        found[looks] = edge / np.sqrt(n)
    return found


def inspection_table(price: Any, *, prior: float = 1.0) -> Float[np.ndarray, "K looks"]:
    """`inspection_boundary` of candidates with prices `[K]`, in one table, 0 after the last look that pays."""
    price = np.atleast_1d(np.asarray(price, np.float64))
    at_least("inspection_table number of prices", price.size, 1)
    rows = {c: inspection_boundary(c, prior=prior) for c in np.unique(price)}
    table = np.zeros((price.size, max(len(row) for row in rows.values())))
    for k, c in enumerate(price):
        table[k, : len(rows[c])] = rows[c]
    return table


@needs("mean", "std", "arms")
def inspection_score(
    belief: Any,
    menu: Menu,
    key: Key,
    *,
    index: Float[Array, "arms looks"],
    prior: Scalar = 1.0,
    noise: Scalar = 1.0,
    outside: Scalar = -1e30,
) -> Float[Array, "K"]:
    r"""By how much a look pays: :math:`\sigma b_k(n_k) - |m_k - M_k|`, above 0 where k is worth one more.

    :math:`M_k` is the best of `outside` and of the other candidates' posterior means, :math:`\sigma` a look's `noise`.
    `index` is `inspection_table` of the prices in noise deviations, its rows by arm id, `prior` the looks that what was
    known beforehand is worth; between entries on a straight line. Cite: chick2012sequential.
    """
    mean = belief.mean(menu)
    index = jnp.asarray(index, mean.dtype)
    looks = jnp.clip((noise / belief.std(menu)) ** 2 - prior, 0, index.shape[1] - 1)
    at = jnp.arange(index.shape[1], dtype=index.dtype)
    bound = jax.vmap(lambda arm, look: jnp.interp(look, at, index[arm]))(menu.x, looks)
    first, second = (jnp.append(mean, jnp.full(2, outside, mean.dtype)).sort(descending=True))[:2]
    rival = jnp.where(jnp.arange(mean.shape[0]) == jnp.argmax(mean), second, first)
    return noise * bound - jnp.abs(mean - jnp.maximum(rival, outside))
