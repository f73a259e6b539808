"""Policies that turn a belief and a score into a choice."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.core import Key, Menu, ScoreFn, StopFn, leaf, record, static
from altheory.core import score as bind
from altheory.core.check import positive, within
from altheory.policies.pick import Acting, even, learn, pick, plain_stop, start, stops, worth
from altheory.policies.stop import never


@record
class Argmax:
    """Choose an open item of the highest score, ties broken at random.

    `prob` of its choices is one over the number of ties.
    """

    belief: Any
    score: ScoreFn = leaf(converter=bind)
    stop: StopFn = leaf(default=never, converter=plain_stop)

    init, select, stops, update = start, pick, stops, learn

    def scores(self, state: Acting, menu: Menu, key: Key) -> Float[Array, "K"]:
        return self.score(state.belief, menu, key)

    def weigh(self, scores: Float[Array, "K"], open: Bool[Array, "K"]) -> Float[Array, "K"]:
        best = worth(scores, open)
        ties = open & (best == best.max())
        return even(ties)


@record
class Softmax:
    r"""Choose an open item k with probability :math:`\propto \exp(s_k/\tau)`, :math:`\tau` = `temperature`.

    Cite: kirsch2023stochastic.
    """

    belief: Any
    score: ScoreFn = leaf(converter=bind)
    temperature: float | Float[Array, ""] = 1.0
    stop: StopFn = leaf(default=never, converter=plain_stop)

    init, select, stops, update = start, pick, stops, learn

    def __check__(self) -> None:
        positive("Softmax temperature", self.temperature)

    def scores(self, state: Acting, menu: Menu, key: Key) -> Float[Array, "K"]:
        return self.score(state.belief, menu, key)

    def weigh(self, scores: Float[Array, "K"], open: Bool[Array, "K"]) -> Float[Array, "K"]:
        s = worth(scores, open)
        gap = jnp.where(s == s.max(), 0.0, s - s.max()) / self.temperature
        return jnp.where(open.any(), jax.nn.softmax(jnp.where(open, gap, -jnp.inf)), jnp.zeros_like(s))


@record
class TopTwo:
    r"""Play the leader with probability `beta`, else a challenger: top-two sampling for the best item.

    The leader is best under one call of the score; the challenger is best under fresh calls, repeated (at most
    `tries` times) until it differs from the leader, and then the runner-up of the last call. With a score that is not
    random the challenger is the runner-up. Cite: russo2020simple.
    """

    belief: Any
    score: ScoreFn = leaf(converter=bind)
    beta: float | Float[Array, ""] = 0.5
    tries: int = static(default=20)
    stop: StopFn = leaf(default=never, converter=plain_stop)

    init, select, stops, update = start, pick, stops, learn

    def __check__(self) -> None:
        within("TopTwo beta", self.beta, 0, 1)

    def scores(self, state: Acting, menu: Menu, key: Key) -> Float[Array, "2 K"]:
        lead_key, key = jax.random.split(key)
        lead = self.score(state.belief, menu, lead_key)
        best = jnp.argmax(worth(lead, menu.open))

        def again(carry: tuple[Array, Key, Array]) -> tuple[Array, Key, Array]:
            k, key, _ = carry
            key, now = jax.random.split(key)
            return k + 1, key, self.score(state.belief, menu, now)

        def same(carry: tuple[Array, Key, Array]) -> Array:
            return (carry[0] < self.tries) & (jnp.argmax(worth(carry[2], menu.open)) == best)

        challenge = jax.lax.while_loop(same, again, (jnp.int32(0), key, lead))[2]
        return jnp.stack([lead, challenge])

    def weigh(self, scores: Float[Array, "2 K"], open: Bool[Array, "K"]) -> Float[Array, "K"]:
        first = jnp.argmax(worth(scores[0], open))
        rest = open.at[first].set(False)
        second = jnp.where(rest.any(), jnp.argmax(worth(scores[1], rest)), first)
        law = jnp.zeros(open.shape).at[first].add(self.beta).at[second].add(1 - jnp.asarray(self.beta))
        return jnp.where(open.any(), law, 0.0)
