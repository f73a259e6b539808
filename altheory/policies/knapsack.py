"""Bandits with knapsacks: rewards under limits on what pulls use up."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Choice, Key, Menu, Outcome, leaf, record, static
from altheory.core.arrays import floats
from altheory.core.check import at_least, between
from altheory.core.numerics import add_exact
from altheory.core.packing import packing
from altheory.core.random import draw
from altheory.core.status import NAN_BELIEF, REWARD_RANGE, flag
from altheory.policies.mirror import exp3, hedge
from altheory.policies.pick import RANGE_SLACK, even

Sum = tuple[Array, Array]


def _limits(x: Any) -> Any:
    return jnp.atleast_1d(floats(x))


def used_by(outcome: Outcome) -> Float[Array, "m"]:
    """What an outcome used of each resource: its `use`, or money where it has none."""
    return jnp.asarray(outcome.cost)[None] if isinstance(outcome.use, tuple) else outcome.use


def spent(budget: Float[Array, "m"], used: Sum) -> Bool[Array, ""]:
    """Whether some resource has less than 1 left, the most a pull may use."""
    return ((used[0] - (budget - 1)) + used[1] > 0).any()


def require_budget(name: str, budget: Any, horizon: int) -> None:
    """Raise `ValueError` where a budget is below 1 or above the horizon."""
    at_least(f"{name} horizon", horizon, 1)
    if isinstance(budget, jax.core.Tracer):
        return
    b = np.asarray(budget)
    if b.ndim != 1 or not b.size or not ((b >= 1) & (b <= horizon)).all():
        raise ValueError(
            f"{name} budget must have a number from 1 to the horizon, {horizon}, for each resource; it is {b.tolist()}:"
            " give costs in units of the most a pull may use, and leave out what can't run out"
        )


@record
class Held:
    """The state of a policy under knapsacks: that of the policy inside, that of the prices, and what was used."""

    inner: Any
    dual: Any
    used: Sum

    @property
    def belief(self) -> Any:
        return self.inner.belief

    @property
    def status(self) -> Array:
        return self.inner.status


@record
class Knapsack:
    r"""Play a policy on rewards less the going price of what they use, until some resource runs out.

    `budget [m]` is what there is of each resource for `horizon` rounds, in units of the most a pull may use: uses lie
    in [0, 1]. The policy `inner` learns from the payoff
    :math:`r + \sum_j\lambda_j(1 - Tc_j/B_j)`, between :math:`1 - T/\min_jB_j` and 2, and the policy `dual`, which has
    full information on m + 1 arms, the resources and none, plays :math:`\lambda` against it. Stops once a resource has
    less than 1 left, so that no budget is exceeded on any path.

    Resources are the outcome's `use`, or money alone where it has none. Raises `ValueError` where a budget is below 1
    or above the horizon. Cite: immorlica2022adversarial, badanidiyuru2018bandits.
    """

    inner: Any
    dual: Any
    budget: Float[Array, "m"] = leaf(converter=_limits)
    horizon: int = static()

    def __check__(self) -> None:
        require_budget("Knapsack", self.budget, self.horizon)

    def init(self, key: Key) -> Held:
        inner_key, dual_key = jax.random.split(key)
        zero = jnp.zeros_like(self.budget)
        return Held(self.inner.init(inner_key), self.dual.init(dual_key), (zero, zero))

    def select(self, state: Held, menu: Menu, key: Key) -> Choice:
        choice: Any = self.inner.select(state.inner, menu, key)
        stop = choice.stop | spent(self.budget, state.used)
        return Choice(choice.item, choice.prob, stop, choice.valid & ~stop, choice.status)

    def prices(self, state: Held) -> Float[Array, "m"]:
        r""":math:`\lambda` of the resources, by scores of `dual` that are not random."""
        shown = self._resources()
        law: Array = self.dual.weigh(self.dual.scores(state.dual, shown, jax.random.key(0)), shown.open)
        return law[:-1]

    def update(self, state: Held, menu: Menu, choice: Choice, outcome: Outcome) -> Held:
        used = jnp.where(choice.valid, used_by(outcome), 0).astype(self.budget.dtype)
        left = 1 - self.horizon * used / self.budget
        payoff = outcome.y + (self.prices(state) * left).sum()
        inner = self.inner.update(state.inner, menu, choice, Outcome(payoff, outcome.cost))
        told = Outcome(jnp.append(-left, 0), outcome.cost)
        every = Choice(jnp.zeros_like(choice.item), choice.prob, choice.stop, choice.valid, choice.status)
        dual = self.dual.update(state.dual, self._resources(), every, told)
        inner = inner.replace(status=inner.status | dual.status)
        return Held(inner, dual, add_exact(state.used, used))

    def _resources(self) -> Menu:
        ones = jnp.ones(self.budget.shape[0] + 1)
        return Menu(jnp.arange(ones.shape[0]), ones, ones, ones > 0)


def bwk_lagrange(arms: int, budget: Any, horizon: int) -> Knapsack:
    r"""Bandits with knapsacks by two learners: Exp3 on `arms` arms against Hedge on the prices of the resources.

    `budget`: a number, or one a resource. Rewards and uses lie in [0, 1]; one arm should be a null arm, unless every
    mixture that is worth playing fits. Exp3 has the rate :math:`\sqrt{2\ln K/(TK)}` on losses
    :math:`(2-\text{payoff})/(T/B+1)`, Hedge :math:`\sqrt{8\ln(m+1)/T}` on losses over T/B. Guarantee: `bwk-lagrange`.
    Cite: immorlica2022adversarial.
    """
    at_least("bwk_lagrange arms", arms, 1)
    limits = _limits(budget)
    require_budget("bwk_lagrange", limits, horizon)
    ratio = horizon / float(limits.min())
    inner = exp3(arms, horizon=horizon, low=1 - ratio, high=2.0)
    dual = hedge(limits.shape[0] + 1, horizon=horizon, low=-1.0, high=ratio - 1 if ratio > 1 else 0.0)
    return Knapsack(inner, dual, limits, horizon)


@record
class Tally:
    """Pulls `[K]`, summed rewards and uses `[K, 1 + m]`, and what was used, as an exact two-float sum."""

    pulls: Float[Array, "K"]
    total: Float[Array, "K n"]
    used: Sum
    status: Int[Array, ""]


@record
class UcbKnapsack:
    r"""UCB for bandits with knapsacks: draw an arm from the best mixture that the limits allow, were all as it may be.

    Each round it solves :math:`\max_pp^\top u` over :math:`p \ge 0`, :math:`\sum p \le 1`,
    :math:`p^\top\ell_j \le B_j/T`, with u the upper confidence bounds of `arms` arms' rewards and :math:`\ell` the
    lower ones of their uses, both in [0, 1], of half-width :math:`\sqrt{L/2N}`,
    :math:`L = \ln\frac{4K(m+1)T}\delta`. The rest of p is a round passed: `valid` is False, time goes on. `width`
    multiplies the half-width: 1 is what the theorem needs. `budget` as in `Knapsack`; stops once a resource has less
    than 1 left. Row k of the menu is arm k. Time: O((K + m) m) a pivot of the simplex method, a few pivots a round.

    Guarantee: `ucb-bwk`. Raises `ValueError` where a budget is below 1 or above the horizon, or delta is not between 0
    and 1. Cite: agrawal2014bandits.
    """

    arms: int = static()
    budget: Float[Array, "m"] = leaf(converter=_limits)
    horizon: int = static()
    delta: float | Float[Array, ""] = 0.05
    width: float | Float[Array, ""] = 1.0

    def __check__(self) -> None:
        at_least("UcbKnapsack arms", self.arms, 1)
        require_budget("UcbKnapsack", self.budget, self.horizon)
        between("UcbKnapsack delta", self.delta, 0, 1)

    def init(self, key: Key) -> Tally:
        zero = jnp.zeros_like(self.budget)
        return Tally(jnp.zeros(self.arms), jnp.zeros((self.arms, 1 + self.budget.shape[0])), (zero, zero), jnp.int32(0))

    def select(self, state: Tally, menu: Menu, key: Key) -> Choice:
        law = self.law(state, menu.open)
        rest = jnp.maximum(1 - law.sum(), 0)
        item = draw(jnp.append(law, rest), key)
        passed = item == self.arms
        stop = spent(self.budget, state.used) | ~menu.open.any()
        chosen = jnp.where(passed, 0, item)
        return Choice(chosen, jnp.where(passed, rest, law[chosen]), stop, ~stop & ~passed, state.status)

    def law(self, state: Tally, open: Bool[Array, "K"]) -> Float[Array, "K"]:
        """The probabilities of the arms; what is missing to 1 is that of passing. An open arm unplayed comes first."""
        upper, lower = self.bounds(state)
        limit = self.budget / self.horizon
        found, _ = packing(jnp.where(open, upper, 0), jnp.where(open[:, None], lower, 1), limit)
        found = jnp.where(open, found, 0)
        new = open & (state.pulls == 0)
        return jnp.where(new.any(), even(new), found / jnp.maximum(found.sum(), 1))

    def bounds(self, state: Tally) -> tuple[Float[Array, "K"], Float[Array, "K m"]]:
        """Upper bounds of rewards and lower ones of uses."""
        pulls = jnp.maximum(state.pulls, 1)[:, None]
        level = jnp.log(4.0 * self.arms * (self.budget.shape[0] + 1) * self.horizon / jnp.asarray(self.delta))
        half = self.width * jnp.sqrt(level / (2 * pulls))
        mean = state.total / pulls
        return jnp.minimum(mean + half, 1)[:, 0], jnp.maximum(mean - half, 0)[:, 1:]

    def update(self, state: Tally, menu: Menu, choice: Choice, outcome: Outcome) -> Tally:
        used = jnp.where(choice.valid, used_by(outcome), 0).astype(self.budget.dtype)
        y = jnp.where(choice.valid, outcome.y, 0).astype(state.total.dtype)
        told = jnp.concatenate([y[None], used.astype(y.dtype)])
        total = state.total.at[choice.item].add(told)
        odd = ((told < -RANGE_SLACK) | (told > 1 + RANGE_SLACK)).any()
        bits = flag(~jnp.isfinite(total).all(), NAN_BELIEF) | flag(odd, REWARD_RANGE)
        pulls = state.pulls.at[choice.item].add(choice.valid.astype(state.pulls.dtype))
        return Tally(pulls, total, add_exact(state.used, used), state.status | choice.status | bits)


def ucb_bwk(arms: int, budget: Any, horizon: int, *, delta: float = 0.05) -> UcbKnapsack:
    """UCB for bandits with knapsacks; see `UcbKnapsack`. Cite: agrawal2014bandits."""
    return UcbKnapsack(arms, _limits(budget), horizon, delta)
