"""Ask only when unsure, and otherwise go by one's own guess."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Choice, Key, Menu, Outcome, leaf, record, score, static
from altheory.core.check import finite
from altheory.policies.combine import Budgeted


@record
class Unsure:
    r"""Pick as the inner policy does, but pay for the answer only where `gate(belief, menu, key)` is above `above`.

    Elsewhere the round passes (`valid` is False, nothing is paid), and with `guess` the belief learns its own
    likeliest class as if it had been told. With the gate `width_score` on pairs of answers it asks as APPO does; with
    minus the log odds' magnitude, as ADPO does. Learning one's own guesses confirms whatever is believed: a
    confident and wrong start is never corrected by a gate on confidence.

    For policies whose state holds a `belief` with classes; raises `TypeError` for `Budgeted` inside (put it outside).
    Guarantee: `unsure-queries`. Cite: ji2024reinforcement.
    """

    inner: Any
    gate: Any = leaf(converter=score)
    above: Float[Array, ""] | float = 0.0
    guess: bool = static(default=False)

    def __check__(self) -> None:
        finite("Unsure above", self.above)
        if isinstance(self.inner, Budgeted):
            raise TypeError("Unsure asks less often than the policy inside: put Budgeted around it, not inside")

    def init(self, key: Key) -> Any:
        return self.inner.init(key)

    def select(self, state: Any, menu: Menu, key: Key) -> Choice:
        pick_key, gate_key = jax.random.split(key)
        choice = self.inner.select(state, menu, pick_key)
        level = self.gate(state.belief, menu, gate_key)[choice.item]
        asks = ~(level <= jnp.asarray(self.above, level.dtype))
        return Choice(choice.item, choice.prob, choice.stop, choice.valid & asks, choice.status)

    def update(self, state: Any, menu: Menu, choice: Choice, outcome: Outcome) -> Any:
        if not self.guess:
            return self.inner.update(state, menu, choice, outcome)
        own = jnp.argmax(state.belief.probs(menu)[choice.item], -1).astype(jnp.asarray(outcome.y).dtype)
        told = Outcome(jnp.where(choice.valid, outcome.y, own), outcome.cost, outcome.confidence, outcome.use)
        learnt = Choice(choice.item, choice.prob, choice.stop, menu.open[choice.item] & ~choice.stop, choice.status)
        return self.inner.update(state, menu, learnt, told)
