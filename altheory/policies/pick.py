"""From scores to a choice: the few lines every picking policy shares."""

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.core import Choice, Key, Menu, Outcome, Score, record, score
from altheory.core.random import invert, unit
from altheory.core.status import CLOSED_ITEM, NAN_BELIEF, NAN_SCORE, OK, REWARD_RANGE, flag
from altheory.stopping.rule import remembers

RANGE_SLACK = 1e-5
"""By how much of its range a reward may miss the range, for rounding."""


@record
class Acting:
    """The state of a policy whose memory is its belief."""

    belief: Any
    status: Array


@runtime_checkable
class Picker(Protocol):
    """A policy in two parts: scores, which may be costly, and the law of the pick given them, which is cheap.

    `scores` returns an array whose last axis is K; `weigh` a probability for each item, zero on closed ones.
    """

    def init(self, key: Key) -> Any: ...
    def scores(self, state: Any, menu: Menu, key: Key) -> Float[Array, "... K"]: ...
    def weigh(self, scores: Float[Array, "... K"], open: Bool[Array, "K"]) -> Float[Array, "K"]: ...
    def stops(self, state: Any, menu: Menu, scores: Float[Array, "... K"]) -> Bool[Array, ""]: ...
    def update(self, state: Any, menu: Menu, choice: Choice, outcome: Outcome) -> Any: ...


def is_picker(policy: Any) -> bool:
    """Whether a policy shows its scores and the law of its pick."""
    return hasattr(policy, "scores") and hasattr(policy, "weigh") and hasattr(policy, "stops")


def require_picker(name: str, policy: Any) -> None:
    """Raise `TypeError` where `policy` can't be wrapped by a combinator that looks at scores."""
    if not is_picker(policy):
        raise TypeError(
            f"{name} wraps a policy that scores items (Argmax, Softmax, TopTwo, Epsilon, Until); it got "
            f"{type(policy).__name__}: put {name} inside it instead"
        )


def plain_stop(rule: Any) -> Score:
    """A stop rule on belief, menu and scores; raises `TypeError` for one that remembers."""
    if remembers(rule):
        raise TypeError(f"{type(rule).__name__} remembers what it read: wrap the policy instead, Until(policy, rule)")
    return score(rule)


def pick(policy: Any, state: Any, menu: Menu, key: Key) -> Choice:
    """Score, weigh, draw one item; stop where the policy says so or nothing is open."""
    score_key, draw_key = jax.random.split(key)
    scores = policy.scores(state, menu, score_key)
    prob = policy.weigh(scores, menu.open)
    item = invert(prob, unit(draw_key, prob.dtype))
    stop = policy.stops(state, menu, scores) | ~menu.open.any()
    bits = state.status | flag((jnp.isnan(scores) & menu.open).any(), NAN_SCORE)
    return Choice(item, prob[item], stop, ~stop, bits | flag(~stop & ~menu.open[item], CLOSED_ITEM))


def even(mask: Bool[Array, "K"]) -> Float[Array, "K"]:
    """The uniform law on a mask; zero everywhere where it is empty."""
    return jnp.where(mask, 1 / jnp.maximum(mask.sum(), 1), 0)


def worth(scores: Float[Array, "K"], open: Bool[Array, "K"]) -> Float[Array, "K"]:
    """Scores with closed items at minus infinity; NaN loses to every open item that is not NaN."""
    low = jnp.finfo(scores.dtype).min
    return jnp.where(open, jnp.where(jnp.isnan(scores), low, jnp.maximum(scores, low)), -jnp.inf)


def learn(policy: Any, state: Acting, menu: Menu, choice: Choice, outcome: Outcome) -> Acting:
    """Fold the outcomes of a choice, one or a batch, into the belief; what was not bought changes nothing.

    A belief with `extend(rows, y, valid)`, which learns outside of JAX, is shown a batch at once.
    """

    def one(belief: Any, seen: tuple[Array, Array, Any]) -> tuple[Any, None]:
        item, valid, y = seen
        row = menu[item]
        y = jax.tree.map(lambda a: jnp.where(valid, a, jnp.zeros_like(a)), y)
        return belief.update(Menu(row.x, row.price, row.noise, row.open & valid), y), None

    seen = (choice.item, choice.valid, outcome.y)
    if hasattr(state.belief, "extend"):
        item, valid, y = jax.tree.map(jnp.atleast_1d, seen)
        belief = state.belief.extend(menu[item], y, valid)
    elif choice.item.ndim == 0:
        belief = one(state.belief, seen)[0]
    else:
        belief = jax.lax.scan(one, state.belief, seen)[0]
    return Acting(belief, state.status | health(belief) | outside(policy.belief, choice, outcome.y))


def health(belief: Any) -> Array:
    """The status bit of a belief that holds NaN or infinity, else 0."""
    broken = jnp.stack([~jnp.isfinite(x).all() for x in jax.tree.leaves(belief) if _is_float(x)] or [jnp.bool_(False)])
    return flag(broken.any(), NAN_BELIEF)


def outside(assumes: Any, choice: Choice, y: Any) -> Array:
    """The status bit of a reward outside the range [`low`, `high`] that a belief or a policy assumes, where it has one.

    For a belief with classes that is 0 to their number less 1. `y` is one reward an item chosen, or, with one more
    axis, a whole row of rewards.
    """
    low, high = getattr(assumes, "low", None), getattr(assumes, "high", None)
    if low is None and hasattr(assumes, "classes") and not hasattr(y, "__dataclass_fields__"):
        low, high = 0.0, assumes.classes - 1.0
    if low is None or high is None:
        return jnp.int32(OK)
    y, room = jnp.asarray(y, jnp.result_type(float)), RANGE_SLACK * (jnp.asarray(high) - low)
    beyond = (y < low - room) | (y > high + room)
    bought = choice.valid.reshape(choice.valid.shape + (1,) * (y.ndim - choice.valid.ndim))
    return flag((bought & beyond).any(), REWARD_RANGE)


def _is_float(x: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(x), jnp.floating)


def start(policy: Any, key: Key) -> Acting:
    """The state before anything is seen: the policy's own belief is the prior."""
    return Acting(prior(policy.belief, key), jnp.int32(OK))


def at_hand(belief: Any, menu: Menu) -> Any:
    """The belief as arrays: predictions of this menu, where it computes them outside of JAX (`tabled(menu)`)."""
    return belief.tabled(menu) if hasattr(belief, "tabled") else belief


def prior(belief: Any, key: Key) -> Any:
    """The belief a run starts from: drawn by `init(key)` where the belief has one, else the belief itself."""
    return belief.init(key) if hasattr(belief, "init") else belief


def stops(policy: Any, state: Acting, menu: Menu, scores: Float[Array, "... K"]) -> Bool[Array, ""]:
    """The policy's stop rule, shown one row of scores."""
    return policy.stop(state.belief, menu, scores.reshape(-1, scores.shape[-1])[0])
