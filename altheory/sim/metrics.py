"""What a run records: functions of a round, computed inside the scan."""

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Choice, Menu, Outcome, record
from altheory.policies import Until
from altheory.policies.combine import Watching
from altheory.stopping.rule import remembers


@record
class Round:
    """One round, seen from outside: metrics may read what policies never do."""

    policy: Any
    oracle: Any
    before: Any
    state: Any
    world: Any
    menu: Menu
    choice: Choice
    outcome: Outcome


Metric = Callable[[Round], Array]
"""From a round to a scalar; its `__name__` names the variable in the trace."""


def regret(r: Round) -> Float[Array, ""]:
    r"""The round's pseudo-regret :math:`\max_k v_k - v_{k_t}` over open items; 0 once the policy stopped.

    A batch sums the regret of its picks, each against the best item of the round. Where the oracle has a `benchmark`,
    such as the best fixed arm of a table, that takes the place of the best item, and a round's regret may be negative.
    """
    value = r.oracle.value(r.world)
    bench = getattr(r.oracle, "benchmark", None)
    best = jnp.where(r.menu.open, value, -jnp.inf).max() if bench is None else bench(r.world)
    return jnp.where(r.choice.valid, best - value[r.choice.item], 0).sum()


def shown_regret(r: Round) -> Float[Array, ""]:
    """As `regret`, of the round's item whether or not its outcome was paid for: what `Unsure` loses."""
    return regret(r.replace(choice=r.choice.replace(valid=~r.choice.stop)))  # type: ignore[attr-defined]


def cost(r: Round) -> Float[Array, ""]:
    """Money spent in the round."""
    return jnp.where(r.choice.valid, r.outcome.cost, 0).sum()


def labels(r: Round) -> Float[Array, ""]:
    """Items bought in the round: 1, or as many as were valid in a batch, or 0 after a stop."""
    return r.choice.valid.sum().astype(jnp.float32)


def propensity(r: Round) -> Float[Array, ""]:
    """The probability of the choice (the first of a batch); in a stream that of asking, also where it passed."""
    return jnp.atleast_1d(r.choice.prob)[0]


def item(r: Round) -> Array:
    """The menu row chosen (the first of a batch); -1 where nothing was bought."""
    return jnp.where(jnp.atleast_1d(r.choice.valid)[0], jnp.atleast_1d(r.choice.item)[0], -1)


def reward(r: Round) -> Float[Array, ""]:
    """The outcome received, summed over a batch; outcomes are numbers (of a whole row, that of the item chosen)."""
    y = jnp.asarray(r.outcome.y)
    if y.ndim > r.choice.item.ndim:
        y = jnp.take_along_axis(y, r.choice.item[..., None], -1)[..., 0]
    return jnp.where(r.choice.valid, y, 0).sum().astype(jnp.float32)


def earned(r: Round) -> Float[Array, ""]:
    """What the chosen items are truly worth, summed over a batch; 0 where nothing was bought."""
    value = r.oracle.value(r.world)
    return jnp.where(r.choice.valid, value[r.choice.item], 0).sum()


def welfare(r: Round) -> Float[Array, ""]:
    """By how much the round raised the best prizes in hand, less what it cost; needs an oracle with `gain`.

    Its sum over rounds, added to the outside option, is what the search was worth.
    """
    return r.oracle.gain(r.world, r.choice) - cost(r)


def recommended(r: Round) -> Float[Array, ""]:
    """What the item of the largest posterior mean, after this round's update, is truly worth.

    The last round's, less what was spent, is what a search for the best one was worth.
    """
    return r.oracle.value(r.world)[jnp.argmax(r.state.belief.mean(r.menu))]


def accuracy(r: Round) -> Float[Array, ""]:
    """Share of held-out items whose likeliest class, after this round's update, is the true one.

    Needs an oracle with `exam` and a belief with `probs`.
    """
    menu, truth, counted = r.oracle.exam(r.world)
    guess = jnp.argmax(r.state.belief.probs(menu), -1)
    return ((guess == truth) & counted).sum() / counted.sum()


@functools.cache
def reading(name: str) -> Metric:
    """The metric that records what the outermost `Until` with a memory reads under a name, before the round's purchase.

    Recorded of a run that never stops, readings are a trace for `replay`; each is the belief's before the update.
    """

    def metric(r: Round) -> Array:
        policy, state = r.policy, r.before
        while not isinstance(state, Watching):
            if not hasattr(state, "inner"):
                raise TypeError(f"nothing reads {name!r} in this run: wrap the policy, Until(policy, rule, gauges)")
            state = state.inner
        while not (isinstance(policy, Until) and remembers(policy.stop)):
            policy = policy.inner
        seen = policy.seen(state, r.menu)
        if name not in seen:
            raise ValueError(f"this run reads {', '.join(seen)}, and no {name!r}: give Until such a gauge")
        return seen[name]

    metric.__name__ = metric.__qualname__ = name
    return metric


def rmse(r: Round) -> Float[Array, ""]:
    r"""Root mean squared error of the belief's means after this round's update, over all items of the menu."""
    gap = r.oracle.value(r.world) - r.state.belief.mean(r.menu)
    return jnp.sqrt((gap**2).mean())


def coverage(r: Round) -> Float[Array, ""]:
    r"""How often the belief's 95 % statement holds after this round's update.

    With an `exam`: the share of held-out items whose true class lies in the smallest set of classes that has 95 %.
    Otherwise: the share of items whose true value lies in :math:`\mu_k \pm 1.96\,\sigma_k`.
    """
    if hasattr(r.oracle, "exam"):
        menu, truth, counted = r.oracle.exam(r.world)
        p = r.state.belief.probs(menu)
        mine = jnp.take_along_axis(p, truth[:, None], -1)
        inside = jnp.where(p > mine, p, 0).sum(-1) < 0.95
        return (inside & counted).sum() / counted.sum()
    value, belief = r.oracle.value(r.world), r.state.belief
    return (jnp.abs(value - belief.mean(r.menu)) <= 1.96 * belief.std(r.menu)).mean()
