"""Combinators: policy -> policy."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.core import Choice, Key, Menu, Outcome, leaf, record, score, static
from altheory.core.check import at_least, nonnegative, within
from altheory.core.numerics import add_exact
from altheory.core.random import draw
from altheory.policies.pick import even, pick, require_picker
from altheory.stopping.gauges import measure
from altheory.stopping.rule import GIVEN, advance, remembers

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


def _stop_rule(rule: Any) -> Any:
    return rule if remembers(rule) else score(rule)


def _gauges(gauges: Any) -> dict[str, Any]:
    return {name: score(gauge) for name, gauge in dict(gauges).items()}


@record
class Watching:
    """A policy's state, its stop rule's memory, and what was bought so far: labels, and money as a two-float sum."""

    inner: Any
    memory: Any
    labels: Array
    spent: tuple[Array, Array]

    @property
    def belief(self) -> Any:
        return self.inner.belief

    @property
    def status(self) -> Array:
        return self.inner.status


@record
class Until:
    """Stop when the inner policy does or when `stop` says so, asked before anything is bought in a round.

    `stop` is a function of (belief, menu, scores), or a `StopRule`, which remembers: each round it reads `labels`
    bought, `spent` money, `price` (the cheapest open item's) and whatever `gauges` measure, `{name: (belief, menu, key)
    -> array}`. `replay` has the same rule decide over a recorded trace. Raises `ValueError` where the rule reads what
    nothing measures, `TypeError` where the inner policy shows no scores.
    """

    inner: Any
    stop: Any = leaf(converter=_stop_rule)
    gauges: dict[str, Any] = leaf(default=(), converter=_gauges)

    def __check__(self) -> None:
        require_picker("Until", self.inner)
        unread = [name for name in getattr(self.stop, "reads", ()) if name not in (*GIVEN, *self.gauges)]
        if unread:
            raise ValueError(
                f"the stop rule reads {', '.join(unread)}, which nothing measures: give Until gauges="
                f"{{{', '.join(f'{name!r}: ...' for name in unread)}}}, functions of belief, menu and key"
            )
        taken = [name for name in self.gauges if name in GIVEN]
        if taken:
            raise ValueError(f"Until measures {', '.join(taken)} by itself: give the gauge another name")

    def init(self, key: Key) -> Any:
        inner = self.inner.init(key)
        if not remembers(self.stop):
            return inner
        return Watching(inner, self.stop.init(), jnp.zeros((), int), (jnp.zeros(()), jnp.zeros(())))

    def seen(self, state: Any, menu: Menu) -> dict[str, Array]:
        """The round's reading: what a rule with a memory is shown."""
        given = {
            "labels": state.labels,
            "spent": state.spent[0] + state.spent[1],
            "price": jnp.where(menu.open, menu.price, jnp.inf).min(),
        }
        return given | measure(self.gauges, state.belief, menu)

    def scores(self, state: Any, menu: Menu, key: Key) -> Float[Array, "... K"]:
        return self.inner.scores(self._inside(state), menu, key)

    def weigh(self, scores: Float[Array, "... K"], open: Bool[Array, "K"]) -> Float[Array, "K"]:
        return self.inner.weigh(scores, open)

    def stops(self, state: Any, menu: Menu, scores: Float[Array, "... K"]) -> Bool[Array, ""]:
        if remembers(self.stop):
            mine = self.stop.says(advance(self.stop, state.memory, self.seen(state, menu)))
        else:
            mine = self.stop(state.belief, menu, scores.reshape(-1, scores.shape[-1])[0])
        return self.inner.stops(self._inside(state), menu, scores) | mine

    select = pick

    def update(self, state: Any, menu: Menu, choice: Choice, outcome: Outcome) -> Any:
        after = self.inner.update(self._inside(state), menu, choice, outcome)
        if not remembers(self.stop):
            return after
        memory = advance(self.stop, state.memory, self.seen(state, menu))
        bought = state.labels + choice.valid.sum().astype(state.labels.dtype)
        return Watching(after, memory, bought, paid(state.spent, choice, outcome))

    def _inside(self, state: Any) -> Any:
        return state.inner if remembers(self.stop) else state


def paid(spent: tuple[Array, Array], choice: Choice, outcome: Outcome) -> tuple[Array, Array]:
    """The money spent after an outcome, one or a batch, summed exactly."""
    costs = jnp.atleast_1d(jnp.where(choice.valid, outcome.cost, 0)).astype(spent[0].dtype)
    return jax.lax.scan(lambda total, cost: (add_exact(total, cost), None), spent, costs)[0]


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
        shown = menu.closing(~self.affords(state.spent, menu.price))
        after = self.inner.update(state.inner, shown, choice, outcome)
        return Purse(after, paid(state.spent, choice, outcome))
