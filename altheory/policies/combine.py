"""Combinators: policy -> policy."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.core import Choice, Key, Menu, Outcome, StopFn, leaf, record, score, static
from altheory.core.check import at_least, nonnegative, within
from altheory.core.numerics import add_exact
from altheory.policies.pick import draw, even, pick, require_picker

SLACK = 2.0**-22
"""Relative room for prices and budgets that are no exact float32: ten labels at 0.1 fit a budget of 1."""


@record
class Epsilon:
    """With probability `eps` a uniformly random open item, else the inner policy's pick; `prob` is the mixture's."""

    inner: Any
    eps: float | Float[Array, ""] = 0.1

    def __check__(self) -> None:
        require_picker("Epsilon", self.inner)
        within("Epsilon eps", self.eps, 0, 1)

    def init(self, key: Key) -> Any:
        return self.inner.init(key)

    def scores(self, state: Any, menu: Menu, key: Key) -> Float[Array, "... K"]:
        return self.inner.scores(state, menu, key)

    def weigh(self, scores: Float[Array, "... K"], open: Bool[Array, "K"]) -> Float[Array, "K"]:
        return (1 - jnp.asarray(self.eps)) * self.inner.weigh(scores, open) + self.eps * even(open)

    def stops(self, state: Any, menu: Menu, scores: Float[Array, "... K"]) -> Bool[Array, ""]:
        return self.inner.stops(state, menu, scores)

    select = pick

    def update(self, state: Any, menu: Menu, choice: Choice, outcome: Outcome) -> Any:
        return self.inner.update(state, menu, choice, outcome)


@record
class Until:
    """Stop when the inner policy does or when `stop(belief, menu, scores)` says so."""

    inner: Any
    stop: StopFn = leaf(converter=score)

    def __check__(self) -> None:
        require_picker("Until", self.inner)

    def init(self, key: Key) -> Any:
        return self.inner.init(key)

    def scores(self, state: Any, menu: Menu, key: Key) -> Float[Array, "... K"]:
        return self.inner.scores(state, menu, key)

    def weigh(self, scores: Float[Array, "... K"], open: Bool[Array, "K"]) -> Float[Array, "K"]:
        return self.inner.weigh(scores, open)

    def stops(self, state: Any, menu: Menu, scores: Float[Array, "... K"]) -> Bool[Array, ""]:
        first = scores.reshape(-1, scores.shape[-1])[0]
        return self.inner.stops(state, menu, scores) | self.stop(state.belief, menu, first)

    select = pick

    def update(self, state: Any, menu: Menu, choice: Choice, outcome: Outcome) -> Any:
        return self.inner.update(state, menu, choice, outcome)


@record
class Batched:
    """Pick `q` different items a round: the inner policy's picks without replacement, from one call of its score.

    Around `Argmax` that is the top q. `valid` masks the places that too few open items leave empty.
    """

    inner: Any
    q: int = static(default=1)

    def __check__(self) -> None:
        require_picker("Batched", self.inner)
        at_least("Batched q", self.q, 1)

    def init(self, key: Key) -> Any:
        return self.inner.init(key)

    def select(self, state: Any, menu: Menu, key: Key) -> Choice:
        score_key, draw_key = jax.random.split(key)
        scores = self.inner.scores(state, menu, score_key)
        first = pick(_Scored(self.inner, scores), state, menu, key)

        def one(open: Array, k: Key) -> tuple[Array, tuple[Array, Array, Array]]:
            prob = self.inner.weigh(scores, open)
            item = draw(prob, k)
            return open & (jnp.arange(open.shape[0]) != item), (item, prob[item], open.any())

        _, (item, prob, valid) = jax.lax.scan(one, menu.open, jax.random.split(draw_key, self.q))
        return Choice(item, prob, first.stop, valid & ~first.stop, first.status)

    def update(self, state: Any, menu: Menu, choice: Choice, outcome: Outcome) -> Any:
        return self.inner.update(state, menu, choice, outcome)


@record
class _Scored:
    """A picker whose scores are already known."""

    inner: Any
    known: Array

    def scores(self, state: Any, menu: Menu, key: Key) -> Array:
        return self.known

    def weigh(self, scores: Array, open: Array) -> Array:
        return self.inner.weigh(scores, open)

    def stops(self, state: Any, menu: Menu, scores: Array) -> Array:
        return self.inner.stops(state, menu, scores)


@record
class Purse:
    """A policy's state and the money spent so far, as an exact two-float sum."""

    inner: Any
    spent: tuple[Array, Array]

    @property
    def belief(self) -> Any:
        return self.inner.belief


@record
class Budgeted:
    """Never spend past `budget`: what can't be paid for is closed, a batch is cut where the money ends, and the run
    stops when nothing affordable is open.

    Sound where an outcome costs at most its menu price. Money is summed exactly (two floats), and the budget is kept
    to a relative 2^-22, the resolution of float32 prices.
    """

    inner: Any
    budget: float | Float[Array, ""]

    def __check__(self) -> None:
        nonnegative("Budgeted budget", self.budget)

    def init(self, key: Key) -> Purse:
        return Purse(self.inner.init(key), (jnp.zeros(()), jnp.zeros(())))

    def affords(self, spent: tuple[Array, Array], price: Array) -> Array:
        """Whether a further `price` fits."""
        total = add_exact(spent, price)
        return (total[0] - self.budget * (1 + SLACK)) + total[1] <= 0

    def select(self, state: Purse, menu: Menu, key: Key) -> Choice:
        choice = self.inner.select(state.inner, menu.closing(~self.affords(state.spent, menu.price)), key)
        if choice.item.ndim == 0:
            return choice

        def cut(spent: tuple[Array, Array], seen: tuple[Array, Array]) -> tuple[tuple[Array, Array], Array]:
            item, valid = seen
            fits = valid & self.affords(spent, menu.price[item])
            return add_exact(spent, jnp.where(fits, menu.price[item], 0)), fits

        _, valid = jax.lax.scan(cut, state.spent, (choice.item, choice.valid))
        return choice.replace(valid=valid)

    def update(self, state: Purse, menu: Menu, choice: Choice, outcome: Outcome) -> Purse:
        costs = jnp.atleast_1d(jnp.where(choice.valid, outcome.cost, 0))
        spent, _ = jax.lax.scan(lambda total, cost: (add_exact(total, cost), None), state.spent, costs)
        return Purse(self.inner.update(state.inner, menu, choice, outcome), spent)
