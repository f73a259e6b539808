"""Exploration that fades: a combinator whose rate falls with the rounds."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.core import Choice, Key, Menu, Outcome, record
from altheory.core.check import nonnegative
from altheory.policies.pick import even, pick, require_picker


@record
class Timed:
    """A policy's state and the rounds in which something was bought."""

    inner: Any
    rounds: Float[Array, ""]

    @property
    def belief(self) -> Any:
        return self.inner.belief

    @property
    def status(self) -> Any:
        return self.inner.status


@record
class EpsilonDecay:
    r"""With probability :math:`\epsilon_t = \min(1, c/t^\alpha)` a uniformly random open item, else the inner's pick.

    c = `scale`, :math:`\alpha` = `power`; t counts the rounds from 1 in which something was bought. Around a greedy
    policy, :math:`\alpha = 1` and :math:`c = 5K/\Delta^2` give logarithmic regret where every gap is at least
    :math:`\Delta`; :math:`\alpha = 1/3` needs no gap. Cite: auer2002finite.
    """

    inner: Any
    scale: float | Float[Array, ""] = 1.0
    power: float | Float[Array, ""] = 1.0

    def __check__(self) -> None:
        require_picker("EpsilonDecay", self.inner)
        nonnegative("EpsilonDecay scale", self.scale)
        nonnegative("EpsilonDecay power", self.power)

    def init(self, key: Key) -> Timed:
        return Timed(self.inner.init(key), jnp.zeros(()))

    def scores(self, state: Timed, menu: Menu, key: Key) -> Float[Array, "rows K"]:
        """The inner policy's scores, and below them a row that holds the rate."""
        scores = jnp.atleast_2d(self.inner.scores(state.inner, menu, key))
        rate = jnp.minimum(self.scale / (state.rounds + 1) ** self.power, 1)
        return jnp.concatenate([scores, jnp.full_like(scores[:1], rate)])

    def weigh(self, scores: Float[Array, "rows K"], open: Bool[Array, "K"]) -> Float[Array, "K"]:
        inner = scores[0] if scores.shape[0] == 2 else scores[:-1]
        rate = scores[-1, 0]
        return (1 - rate) * self.inner.weigh(inner, open) + rate * even(open)

    def stops(self, state: Timed, menu: Menu, scores: Float[Array, "rows K"]) -> Bool[Array, ""]:
        return self.inner.stops(state.inner, menu, scores[:-1])

    select = pick

    def update(self, state: Timed, menu: Menu, choice: Choice, outcome: Outcome) -> Timed:
        bought = choice.valid.any().astype(state.rounds.dtype)
        return Timed(self.inner.update(state.inner, menu, choice, outcome), state.rounds + bought)
