"""Policies that pick a whole batch at once, by a rule on sets."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from altheory.core import Choice, Key, Menu, Outcome, Score, leaf, record, score, static
from altheory.core.check import at_least
from altheory.core.random import draw
from altheory.core.status import CLOSED_ITEM, NAN_SCORE, OK, flag
from altheory.policies.pick import Acting, at_hand, even, learn, prior

Rule = Callable[..., Int[Array, "size"]]
"""`rule(belief, menu, key, *, size, labelled, ...) -> picks [size]`: menu rows in order, -1 where there is no pick.

`labelled [K]` masks the menu rows bought so far; hyperparameters follow, floats as leaves (see `score`).
"""


def _rule(fn: Rule | Score) -> Score:
    return fn if isinstance(fn, Score) else score(fn, size=1, labelled=None)


@record
class Remembering:
    """A belief, and the menu rows bought so far: `bought [memory]`, -1 where empty, the oldest overwritten first."""

    belief: Any
    status: Array
    bought: Int[Array, "memory"]
    count: Int[Array, ""]

    def labelled(self, items: int) -> Bool[Array, "items"]:
        """The mask of menu rows bought and remembered."""
        rows = jnp.where(self.bought >= 0, self.bought, items)
        return jnp.zeros(items, bool).at[rows].set(True, mode="drop")


@record
class SetPolicy:
    """Choose `q` items at once by a rule on sets, such as `batch_bald_rule` or `k_center_rule`.

    Picks that are -1, closed or named before become invalid; where a rule ranks nothing though something is open (NaN
    predictions), one random open item is bought and the run is flagged. The rule is shown which menu rows were bought,
    the last `memory` of them; rows must mean the same item in every round (`memory=0` for menus that are new each
    round). `prob` is 1 throughout: the rules state no law of their picks, so these runs are no data for off-policy
    estimates. Raises `ValueError` where `q` is below 1 or `memory` below 0, `TypeError` where the rule takes other
    arguments.
    """

    belief: Any
    rule: Rule | Score = leaf(converter=_rule)
    q: int = static(default=1)
    memory: int = static(default=1024)

    def __check__(self) -> None:
        at_least("SetPolicy q", self.q, 1)
        at_least("SetPolicy memory", self.memory, 0)

    def init(self, key: Key) -> Remembering:
        return Remembering(prior(self.belief, key), jnp.int32(OK), jnp.full(self.memory, -1, jnp.int32), jnp.int32(0))

    def select(self, state: Remembering, menu: Menu, key: Key) -> Choice:
        rule_key, spare_key = jax.random.split(key)
        items = menu.open.shape[0]
        known = state.labelled(items)
        picks = _picks(_rule(self.rule), at_hand(state.belief, menu), menu, known, rule_key, min(self.q, items))
        picks = jnp.full(self.q, -1, picks.dtype).at[: picks.shape[0]].set(picks)
        shut = (picks >= 0) & ~menu.open[picks]
        repeated = jnp.tril(picks[:, None] == picks, -1).any(1)
        valid = (picks >= 0) & ~shut & ~repeated
        stuck = menu.open.any() & ~valid.any()
        spare = draw(even(menu.open), spare_key).astype(picks.dtype)
        item = jnp.where(valid, picks, 0)
        item = item.at[0].set(jnp.where(stuck, spare, item[0]))
        bits = state.status | flag(stuck, NAN_SCORE) | flag(shut.any() & menu.open.any(), CLOSED_ITEM)
        valid = valid.at[0].max(stuck)
        return Choice(item.astype(int), jnp.ones(self.q), ~menu.open.any(), valid, bits)

    def update(self, state: Remembering, menu: Menu, choice: Choice, outcome: Outcome) -> Remembering:
        acting = learn(self, Acting(state.belief, state.status), menu, choice, outcome)
        if not self.memory:
            return state.replace(belief=acting.belief, status=acting.status)  # type: ignore[attr-defined]

        def note(carry: tuple[Array, Array], seen: tuple[Array, Array]) -> tuple[tuple[Array, Array], None]:
            bought, count = carry
            item, valid = seen
            slot = jnp.where(valid, count % self.memory, self.memory)
            new = bought.at[slot].set(item.astype(bought.dtype), mode="drop")
            return (new, count + valid.astype(count.dtype)), None

        (bought, count), _ = jax.lax.scan(note, (state.bought, state.count), (choice.item, choice.valid))
        return Remembering(acting.belief, acting.status, bought, count)


@partial(jax.jit, static_argnames="size")
def _picks(rule: Score, belief: Any, menu: Menu, labelled: Array, key: Key, size: int) -> Int[Array, "size"]:
    """Always traced: a kernel called eagerly refuses a batch larger than what is open."""
    picks = score(rule, size=size, labelled=labelled)(belief, menu, key)
    if picks.shape != (size,) or not jnp.issubdtype(picks.dtype, jnp.integer):
        raise ValueError(
            f"a rule must return {size} menu rows as integers; {getattr(rule.fn, '__name__', rule.fn)} returned shape"
            f" {picks.shape} of {picks.dtype}"
        )
    return picks
