"""Gittins indices: finite chains exactly, Bernoulli arms from tables with an error beside each entry."""

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core import record
from altheory.core.check import at_least, finite, nonnegative


def gittins_index(transition: Any, reward: Any, discount: float) -> Float[Array, "states"]:
    r"""The Gittins index of each state of a chain, :math:`\sup_\tau E\sum_{t<\tau}\beta^tr_t / E\sum_{t<\tau}\beta^t`.

    `transition [S, S]` has the row sums 1, `reward [S]` is paid on leaving a state. Largest remaining index: the best
    state has its own reward for index; it is eliminated, its reward and time are passed on to the rest, and so on. No
    subtraction takes place, so indices keep their digits as the discount tends to 1. Time: O(S^3).
    Raises `ValueError` where rows do not add up to 1 or the discount is not in (0, 1).
    Cite: varaiya1985extensions, sonin2008generalized.
    """
    require_chain("gittins_index", transition, reward, discount)
    return _eliminate(jnp.asarray(transition, float), jnp.asarray(reward, float), jnp.asarray(discount, float))


@jax.jit
def _eliminate(transition: Array, reward: Array, discount: Array) -> Array:
    size = reward.shape[0]
    Carry = tuple[Array, Array, Array, Array, Array, Array]

    def step(_: Array, carry: Carry) -> Carry:
        move, pay, time, death, left, index = carry
        ratio = jnp.where(left, pay / time, -jnp.inf)
        s = jnp.argmax(ratio)
        left = left.at[s].set(False)
        out = jnp.where(left, move[s], 0)
        share = jnp.where(left, move[:, s], 0) / (out.sum() + death[s])
        move = move + share[:, None] * out
        return (
            move,
            pay + share * pay[s],
            time + share * time[s],
            death + share * death[s],
            left,
            index.at[s].set(ratio[s]),
        )

    start = (
        discount * transition,
        reward,
        jnp.ones_like(reward),
        jnp.full_like(reward, 1 - discount),
        jnp.ones(size, bool),
        jnp.zeros_like(reward),
    )
    return jax.lax.fori_loop(0, size, step, start)[-1]


def restart_index(transition: Any, reward: Any, discount: float) -> np.ndarray:
    r"""The same index by another road, on the host: :math:`(1-\beta)V_s(s)` where one may restart in s at any time.

    Policy iteration for each state; time O(S^4) at best. For checks, and for chains of a few states.
    Raises as `gittins_index` does. Cite: katehakis1987multi.
    """
    require_chain("restart_index", transition, reward, discount)
    move, pay = np.asarray(transition, np.float64), np.asarray(reward, np.float64)
    size, index = len(pay), np.zeros(len(pay))
    for s in range(size):
        restart = np.zeros(size, bool)
        while True:
            rows = np.where(restart[:, None], move[s], move)
            value = np.linalg.solve(np.eye(size) - discount * rows, np.where(restart, pay[s], pay))
            on, again = pay + discount * move @ value, pay[s] + discount * move[s] @ value
            better = np.where(restart, again < on - 1e-12 * (1 + np.abs(on)), again > on + 1e-12 * (1 + np.abs(on)))
            if not better.any():
                break
            restart ^= better
        index[s] = (1 - discount) * value[s]
    return index


def require_chain(name: str, transition: Any, reward: Any, discount: float) -> None:
    """Raise `ValueError` where a chain is none: its shape, its signs, its row sums, its rewards, or the discount."""
    move = np.asarray(transition, np.float64)
    if move.ndim != 2 or move.shape != (np.size(reward),) * 2:
        raise ValueError(
            f"{name} transition must be [states, states] for the {np.size(reward)} rewards; it is {move.shape}"
        )
    nonnegative(f"{name} transition", move)
    finite(f"{name} reward", reward)
    if (np.abs(move.sum(1) - 1) > 1e-5).any():
        raise ValueError(f"{name} transition must have rows that add up to 1; row sums are {move.sum(1)}")
    require_discount(name, discount)


def require_discount(name: str, discount: float) -> None:
    """Raise `ValueError` where a discount is not strictly between 0 and 1."""
    if not 0 < float(discount) < 1:
        raise ValueError(
            f"{name} discount must be above 0 and below 1; it is {discount:g}: a finite horizon has no Gittins index"
        )


@record
class GittinsTable:
    """Indices of Bernoulli arms under Beta(a, b): `index[a, b]` and a bound `error[a, b]` on how far it may be off.

    a and b are whole numbers of at least 1 with a + b at most the table's limit; NaN elsewhere.
    """

    index: Float[np.ndarray, "a b"]
    error: Float[np.ndarray, "a b"]


VALUES = 4096
"""Retirement rewards a table is computed on."""

WIDTHS = (192, 304)
"""Counts kept around the retirement rewards, a quarter below and the rest above, to 1,500 pulls and beyond."""

SIDE, PARTS = 64, 4
"""Retirement rewards beside one another that share a window, and threads: a step is too small to be split."""


def bernoulli_gittins(limit: int, discount: float, *, values: int = VALUES, horizon: int | None = None) -> GittinsTable:
    r"""Gittins indices of Bernoulli arms with Beta(a, b) posteriors, all a + b up to `limit`, on the host in float64.

    Backward induction over a grid of retirement rewards, all states at once. In each state what going on is worth
    beyond retiring is convex in the reward, so its root lies between that of the chord and those of the chords beside
    it, extended; the index is the latter. `horizon` counts pulls before the arm is taken to be known (by default enough
    for a weight of 1e-4). `error` is that bracket and the effect of the horizon.
    Raises `ValueError` where the limit is below 2 or the discount is not in (0, 1). Cite: gittins2011multi.
    """
    at_least("bernoulli_gittins limit", limit, 2)
    require_discount("bernoulli_gittins", discount)
    values = max(values, 4 * limit)
    last = horizon or _pulls(discount)
    at_least("bernoulli_gittins horizon", last, 1)
    values = PARTS * SIDE * -(-values // (PARTS * SIDE))
    grid = (np.arange(values) + 0.5) / values
    width = WIDTHS[0] if limit + last <= 1500 else WIDTHS[1]
    with ThreadPoolExecutor(PARTS) as threads:
        work = functools.partial(_part, discount=discount, top=limit + last, limit=limit, width=width)
        parts = list(threads.map(work, np.split(grid.reshape(-1, SIDE), PARTS)))
    edge, above, below = (np.concatenate(x) for x in zip(*parts, strict=True))
    edge, above, below = (x.transpose(1, 0, 2).reshape(limit - 1, values) for x in (edge, above, below))
    cut = 0.4 * 0.5 / np.sqrt(limit + last)
    return _read(grid, edge, above, below, limit, cut * discount ** (limit + last - np.arange(2, limit + 1)))


def _pulls(discount: float) -> int:
    """How many pulls ahead to look: until what is left has a weight of 1e-4, or 10,000."""
    return int(min(np.ceil(np.log(1e-4) / np.log(discount)), 10_000)) + 1


def _part(rewards: np.ndarray, *, discount: float, top: int, limit: int, width: int) -> list[np.ndarray]:
    """`_induct` in float64, which is a setting of the thread it runs in."""
    with jax.enable_x64(True):
        found = _induct(jnp.asarray(rewards), jnp.asarray(float(discount)), jnp.asarray(top), limit=limit, width=width)
        return [np.asarray(x) for x in found]


@functools.partial(jax.jit, static_argnames=("limit", "width"))
def _induct(chunks: Array, discount: Array, top: Array, *, limit: int, width: int) -> tuple[Array, Array, Array]:
    """For each reward and level n = 2..limit: the least a that goes on, and what that is worth there and one below.

    Rewards beside one another share a window of counts `[width, rewards]`, which moves by a row where it must.
    """
    at = jnp.arange(width)

    def one(reward: Float[Array, "side"]) -> tuple[Array, Array, Array]:
        middle = reward.mean()

        def offset(n: Array) -> Array:
            return jnp.clip(jnp.round(middle * n - width / 4), 0, jnp.maximum(n - width + 1, 0))

        def level(n: Array, worth: Array) -> tuple[Array, Array]:
            low = offset(n)
            p = ((low + at) / n)[:, None]
            beyond = jnp.maximum((low + width) / n - reward, 0)
            padded = jnp.concatenate([jnp.zeros_like(worth[:1]), worth, beyond[None]])
            start = jnp.where(offset(n + 1) > low, 0, 1)
            lose = jax.lax.dynamic_slice_in_dim(padded, start, width)
            win = jax.lax.dynamic_slice_in_dim(padded, start + 1, width)
            return low, (1 - discount) * (p - reward) + discount * (lose + p * (win - lose))

        worth = jnp.maximum((offset(top + 1.0) + at)[:, None] / (top + 1.0) - reward, 0)
        far = jax.lax.fori_loop(0, top - limit, lambda i, w: jnp.maximum(level(top - i + 0.0, w)[1], 0), worth)

        def near(worth: Array, n: Array) -> tuple[Array, tuple[Array, Array, Array]]:
            low, gain = level(n, worth)
            first = jnp.minimum(((gain <= 0) & (low + at < n)[:, None]).sum(0), width - 1)
            taken = jnp.take_along_axis(gain, first[None], 0)[0]
            left = jnp.take_along_axis(gain, jnp.maximum(first - 1, 0)[None], 0)[0]
            return jnp.maximum(gain, 0), (low + first, taken, left)

        _, found = jax.lax.scan(near, far, jnp.arange(limit, 1, -1) + 0.0)
        return found

    return jax.lax.map(one, chunks)


def _read(
    grid: np.ndarray, edge: np.ndarray, above: np.ndarray, below: np.ndarray, limit: int, cut: np.ndarray
) -> GittinsTable:
    """The table, from the least a that goes on at each level (falling) and reward."""
    index, error = np.full((limit, limit), np.nan), np.full((limit, limit), np.nan)
    step = grid[1] - grid[0]
    for row, n in enumerate(range(limit, 1, -1)):
        a = np.arange(1, n)
        j = np.searchsorted(edge[row], a, side="right") - 1
        inner = np.clip(j, 1, len(grid) - 3)
        high, low = above[row][inner], below[row][inner + 1]
        slope = (high - low) / step
        chord = grid[inner] + high / slope
        before = np.where(edge[row][inner - 1] == a, (above[row][inner - 1] - high) / step, slope)
        same = edge[row][inner + 2] == a + 1
        after = np.where(same, (low - below[row][inner + 2]) / step, slope)
        under = np.maximum(grid[inner] + high / np.maximum(before, slope), grid[inner + 1] + low / after)
        index[a, n - a] = under
        error[a, n - a] = chord - under + cut[n - 2] / slope
    return GittinsTable(index, error)
