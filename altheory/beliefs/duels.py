"""Duels: how often each item beat each other."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core import Key, Menu, record
from altheory.core.check import at_least, finite, nonnegative
from altheory.core.random import beta


@record
class Duels:
    """Counts `wins[i, j]` of duels that i won against j; a menu row is a pair `x = [i, j]`, its outcome 1 if i won."""

    wins: Float[Array, "items items"]

    @property
    def rivals(self) -> int:
        """The number of items."""
        return self.wins.shape[-1]

    def update(self, row: Menu, y: Any) -> "Duels":
        i, j = row.x[..., 0], row.x[..., 1]
        y = jnp.where(row.open, jnp.clip(jnp.asarray(y, self.wins.dtype), 0, 1), 0)
        lost = jnp.where(row.open, 1 - y, 0)
        return self.replace(wins=self.wins.at[i, j].add(y).at[j, i].add(lost))  # type: ignore[attr-defined]

    def count(self, menu: Menu) -> Float[Array, "K"]:
        """Duels of each pair."""
        return (self.wins + self.wins.T)[menu.x[:, 0], menu.x[:, 1]]

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        """The share that the first of each pair won, 1/2 where they never met or are the same."""
        total = self.wins + self.wins.T
        share = jnp.where(total > 0, self.wins / jnp.maximum(total, 1), 0.5)
        return jnp.where(menu.x[:, 0] == menu.x[:, 1], 0.5, share[menu.x[:, 0], menu.x[:, 1]])

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        """The chance that the first of each pair wins, a draw from Beta(1 + wins, 1 + losses), one for both orders."""
        a, b = 1 + self.wins, 1 + self.wins.T
        draw = jnp.triu(beta(key, a, b), 1)
        full = draw + jnp.tril(1 - draw.T, -1) + 0.5 * jnp.eye(self.rivals, dtype=draw.dtype)
        return full[menu.x[:, 0], menu.x[:, 1]]


def duels(items: int) -> Duels:
    """No duel yet among `items` items."""
    at_least("duels items", items, 1)
    return Duels(jnp.zeros((items, items)))


def bradley_terry(wins: Any, *, prior: float = 0.0, iterations: int = 1000) -> Float[np.ndarray, "items"]:
    r"""Strengths :math:`\gamma` of items, of mean 1, that make the wins likeliest.

    Item i beats j with probability :math:`\gamma_i/(\gamma_i+\gamma_j)`; `wins [items, items]` counts duels won.
    Each step of Hunter's MM algorithm, :math:`\gamma_i \leftarrow W_i/\sum_j n_{ij}/(\gamma_i+\gamma_j)`, never lowers
    the likelihood (`bradley-terry-mm`);
    it stops where nothing moves by 1e-12. A maximum exists only where no group of items never loses to the rest: a
    `prior` above 0 adds that many wins each way to every pair. On the host, in float64.
    Raises `ValueError` where counts are no such table, or no maximum exists. Cite: hunter2004mm, ford1957solution.
    """
    w = np.asarray(wins, np.float64)
    if w.ndim != 2 or w.shape[0] != w.shape[1]:
        raise ValueError(f"bradley_terry wins must be [items, items]; its shape is {w.shape}")
    nonnegative("bradley_terry wins", w)
    nonnegative("bradley_terry prior", prior)
    finite("bradley_terry wins", w)
    w = (w + prior) * (1 - np.eye(len(w)))
    if len(w) > 1 and not _connected(w > 0):
        raise ValueError(
            "bradley_terry has no maximum: some group of items never loses to the others; give a prior above 0"
        )
    strength = np.ones(len(w))
    for _ in range(iterations):
        moved = mm_step(w, strength)
        if np.abs(moved - strength).max() <= 1e-12 * moved.max():
            break
        strength = moved
    return strength


def mm_step(wins: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """One step of the MM algorithm, scaled to mean 1."""
    total = wins + wins.T
    share = total / (strength[:, None] + strength)
    np.fill_diagonal(share, 0)
    down = share.sum(1)
    made = np.where(down > 0, wins.sum(1) / np.where(down > 0, down, 1), strength)
    return made / made.mean()


def _connected(edge: np.ndarray) -> bool:
    """Whether every item reaches every other along edges."""
    for graph in (edge, edge.T):
        seen = np.zeros(len(graph), bool)
        seen[0], before = True, 0
        while seen.sum() > before:
            before = int(seen.sum())
            seen |= graph[seen].any(0)
        if not seen.all():
            return False
    return True
