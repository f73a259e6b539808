"""Policies for linear bandits that play a design, estimate, and keep the arms that may still be best."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num

from altheory.core import Choice, Key, Menu, Outcome, leaf, record, static
from altheory.core.arrays import singles
from altheory.core.check import at_least, matrix
from altheory.core.status import NAN_BELIEF, flag
from altheory.policies.span import average_design, least_squares, span_coordinates

MOST = 2**30
"""The most pulls of an arm a phase may plan."""


@record
class Phase:
    """Where elimination stands: the `number` of the phase from 1, and of each arm whether it is `active`, the pulls
    `left` in this phase, those made (`pulled`) and their summed rewards (`sums`), and its `estimate` when the last
    phase ended.
    """

    number: Int[Array, ""]
    active: Bool[Array, "K"]
    left: Int[Array, "K"]
    pulled: Int[Array, "K"]
    sums: Float[Array, "K"]
    estimate: Float[Array, "K"]
    status: Int[Array, ""]

    @property
    def best(self) -> Int[Array, "*runs"]:
        """The arm recommended: the active arm of the highest estimate, the first of equals."""
        return jnp.argmax(jnp.where(self.active, self.estimate, -jnp.inf), -1)


def select(policy: Any, state: Phase, menu: Menu, key: Key) -> Choice:
    """The open arm with most pulls left; stops where none is open."""
    due = jnp.where(menu.open, state.left, 0)
    item = jnp.argmax(due)
    stop = due[item] <= 0
    return Choice(item, jnp.ones((), menu.price.dtype), stop, ~stop, state.status)


def start(policy: Any, key: Key) -> Phase:
    """The first phase on all arms."""
    k = policy.x.shape[0]
    zero, none = jnp.zeros(k, policy.x.dtype), jnp.zeros(k, jnp.int32)
    return plan(policy, Phase(jnp.int32(1), jnp.ones(k, bool), none, none, zero, zero, jnp.int32(0)))


def update(policy: Any, state: Phase, menu: Menu, choice: Choice, outcome: Outcome) -> Phase:
    """Note the reward; where the phase is over, estimate from it alone, keep arms, and plan the next.

    The end of a phase is a loop of at most one turn, not a branch: vectorised, a branch would be taken every round.
    """
    item, once = choice.item, choice.valid.astype(jnp.int32)
    y = jnp.where(choice.valid, outcome.y, 0).astype(state.sums.dtype)
    sums = state.sums.at[item].add(y)
    noted: Phase = state.replace(  # type: ignore[attr-defined]
        left=state.left.at[item].add(-once),
        pulled=state.pulled.at[item].add(once),
        sums=sums,
        status=state.status | flag(~jnp.isfinite(sums).all(), NAN_BELIEF),
    )
    over = choice.valid & (noted.left.max() <= 0)

    def end(carry: tuple[Array, Phase]) -> tuple[Array, Phase]:
        return jnp.zeros_like(over), policy.ended(carry[1])

    return jax.lax.while_loop(lambda carry: carry[0], end, (over, noted))[1]


def finish(policy: Any, state: Phase) -> Phase:
    """The estimate of a phase, the arms it leaves, and the next phase."""
    z, inside = policy.frame(state.active)
    found = least_squares(z, inside, state.pulled.astype(z.dtype), state.sums)
    kept = state.active & jnp.where(jnp.isfinite(found).all(), policy.keeps(state, found), True)
    ended = state.replace(number=state.number + 1, active=kept, estimate=found)  # type: ignore[attr-defined]
    return plan(policy, ended)


def active_span(policy: Any, active: Bool[Array, "K"]) -> tuple[Float[Array, "K d"], Bool[Array, "d"]]:
    """Coordinates in the span of the active arms: nothing else is played."""
    return span_coordinates(policy.x, active)


def averaged(
    policy: Any, z: Float[Array, "K d"], inside: Bool[Array, "d"], active: Bool[Array, "K"]
) -> tuple[Float[Array, "K"], Float[Array, ""]]:
    """A near G-optimal design of the active arms, and its largest leverage."""
    return average_design(z, inside, active)


def plan(policy: Any, state: Phase) -> Phase:
    """The pulls of a phase, nothing seen."""
    weights, worst = policy.designed(*policy.frame(state.active), state.active)
    left = policy.pulls(state.number, weights, worst)
    return state.replace(  # type: ignore[attr-defined]
        left=left, pulled=jnp.zeros_like(state.pulled), sums=jnp.zeros_like(state.sums)
    )


def rounded(amount: Float[Array, "K"]) -> Int[Array, "K"]:
    """Pulls, rounded up."""
    return jnp.ceil(jnp.clip(amount, 0, MOST)).astype(jnp.int32)


@record
class PhasedElimination:
    r"""Eliminate arms of a linear bandit in phases of G-optimal exploration.

    `x [K, d]` are the arms' features; mean rewards :math:`x_k^\top\theta` are at most 1 in magnitude, noise is
    1-sub-Gaussian. Phase :math:`\ell`, with :math:`\varepsilon = 2^{-\ell}` and a design of largest leverage g on the
    active arms, plays arm a :math:`\lceil\frac{2g\pi(a)}{\varepsilon^2}\log\frac{2K\ell(\ell+1)}\delta\rceil` times,
    fits least squares to this phase alone, and keeps the arms within :math:`2\varepsilon` of the best estimate. It
    never stops by itself, but where no arm due is open. `prob` of its choices is 1: they are no data for off-policy
    estimates.

    A round costs O(K), the last of a phase O(64 (K d^2 + d^3)), see `average_design`. Directions in which active arms
    differ by less than 1e-5 of their length are not told apart. Raises `ValueError` where `x` is no finite matrix or
    `delta` not between 0 and 1. Cite: lattimore2020bandit.
    """

    x: Num[Array | np.ndarray, "K d"] = leaf(converter=singles)
    delta: float | Float[Array, ""] = 0.05

    init, select, update, ended, frame, designed = start, select, update, finish, active_span, averaged

    def __check__(self) -> None:
        matrix("PhasedElimination x", self.x)
        if not 0 < float(self.delta) < 1:
            raise ValueError(f"PhasedElimination delta must lie between 0 and 1; it is {float(self.delta):g}")

    def width(self, number: Int[Array, ""]) -> Float[Array, ""]:
        r""":math:`\varepsilon_\ell = 2^{-\ell}`."""
        return jnp.exp2(-number.astype(self.x.dtype))

    def pulls(self, number: Int[Array, ""], weights: Float[Array, "K"], worst: Float[Array, ""]) -> Int[Array, "K"]:
        """The pulls of each arm in a phase."""
        phase = number.astype(self.x.dtype)
        log = jnp.log(2 * weights.shape[0] * phase * (phase + 1) / self.delta)
        return rounded(2 * worst * weights / self.width(number) ** 2 * log)

    def keeps(self, state: Phase, estimate: Float[Array, "K"]) -> Bool[Array, "K"]:
        """Arms within twice the width of the best estimate."""
        best = jnp.where(state.active, estimate, -jnp.inf).max()
        return best - estimate <= 2 * self.width(state.number)


@record
class OdLinBai:
    r"""The best arm of a linear bandit with a budget of T pulls: halve the arms by G-optimal designs.

    `x [K, d]` are the arms' features, noise is 1-sub-Gaussian. Of :math:`R = \max(\lceil\log_2d\rceil, 1)` phases, the
    r-th plays arm a :math:`\lceil\pi_r(a)m\rceil` times, fits least squares to this phase alone, and keeps the
    :math:`\lceil d/2^r\rceil` best estimates. m is the largest with
    :math:`Rm + K + \sum_{r<R}\lceil d/2^r\rceil \le T`: designs are not pruned, so K stands where the paper has
    :math:`\min(K, \tfrac{d(d+1)}2 + 1)`. After the last phase one arm is left, `state.best`, and the run stops.
    `prob` of its choices is 1.

    Costs as for `PhasedElimination`. Raises `ValueError` where `x` is no finite matrix, or the budget leaves no pull a
    phase. Cite: yang2022minimax.
    """

    x: Num[Array | np.ndarray, "K d"] = leaf(converter=singles)
    budget: int = static(default=1000)

    init, select, update, ended, frame, designed = start, select, update, finish, active_span, averaged

    def __check__(self) -> None:
        matrix("OdLinBai x", self.x)
        at_least("OdLinBai budget", self.budget, 1)
        if self.per_phase < 1:
            least = self.x.shape[0] + sum(self.kept[:-1]) + self.phases
            raise ValueError(
                f"OdLinBai budget must be at least {least} for {self.x.shape[0]} arms in {self.x.shape[1]} dimensions; "
                f"it is {self.budget}"
            )

    @property
    def phases(self) -> int:
        """R."""
        return max(math.ceil(math.log2(self.x.shape[1])), 1)

    @property
    def kept(self) -> tuple[int, ...]:
        """How many arms each phase keeps."""
        return tuple(math.ceil(self.x.shape[1] / 2**r) for r in range(1, self.phases + 1))

    @property
    def per_phase(self) -> int:
        """m, the pulls a phase has before rounding up."""
        return (self.budget - self.x.shape[0] - sum(self.kept[:-1])) // self.phases

    def pulls(self, number: Int[Array, ""], weights: Float[Array, "K"], worst: Float[Array, ""]) -> Int[Array, "K"]:
        """The pulls of each arm in a phase; none after the last."""
        return jnp.where(number <= self.phases, rounded(self.per_phase * weights), 0)

    def keeps(self, state: Phase, estimate: Float[Array, "K"]) -> Bool[Array, "K"]:
        """The best estimates, the first of equals."""
        order = jnp.argsort(jnp.where(state.active, -estimate, jnp.inf), stable=True)
        rank = jnp.zeros_like(order).at[order].set(jnp.arange(len(order), dtype=order.dtype))
        many = jnp.asarray(np.array(self.kept), rank.dtype)[jnp.clip(state.number - 1, 0, self.phases - 1)]
        return rank < many
