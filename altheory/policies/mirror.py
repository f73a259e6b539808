"""Mirror descent on the probabilities of arms: Hedge, Exp3, Exp3-IX, Tsallis-INF, and Exp4 over experts' advice."""

import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.beliefs.counts import ordered
from altheory.core import Choice, Key, Menu, Outcome, Scalar, record, static
from altheory.core.check import at_least, nonnegative, one_of
from altheory.core.numerics import dot
from altheory.core.status import NAN_BELIEF, flag
from altheory.policies.pick import Acting, even, outside, pick, start

Potential = Literal["entropy", "tsallis"]
MOST = 1e30
NEWTON_STEPS = 12


@record
class ArmLosses:
    """Cumulative losses of arms, or estimates of them, above that of the best arm; losses are (high - y)/(high - low).

    Only differences matter, and so small numbers keep their digits however long the run is.
    """

    loss: Float[Array, "arms"]
    rounds: Float[Array, ""]
    low: Float[Array, ""] | float = 0.0
    high: Float[Array, ""] | float = 1.0

    @property
    def arms(self) -> int:
        """The number of arms."""
        return self.loss.shape[-1]


@record
class ExpertLosses:
    """Cumulative losses of experts, or estimates of them, above that of the best one."""

    loss: Float[Array, "experts"]
    rounds: Float[Array, ""]
    low: Float[Array, ""] | float = 0.0
    high: Float[Array, ""] | float = 1.0

    @property
    def dim(self) -> int:
        """The number of experts: of features of an item."""
        return self.loss.shape[-1]


@record
class MirrorDescent:
    r"""Play arms by probabilities that follow their (estimated) cumulative losses :math:`\hat L`.

    :math:`p_t = \arg\min_p\,\eta_t\langle p, \hat L_{t-1}\rangle + \Psi(p)` over the open arms, with
    :math:`\eta_t = \eta t^{-\alpha}` for `eta` and :math:`\alpha` = `power`. The potential :math:`\Psi` is "entropy",
    :math:`p \propto e^{-\eta\hat L}`, or "tsallis", :math:`-2\sum\sqrt{p_k}`. With `full` information the outcome is
    the whole row of rewards `[K]` and losses are what they are; else the loss of the arm played is divided by its
    probability plus `bias` (0: unbiased; above 0: implicit exploration).

    Arms that are closed are charged the loss of the policy itself, so that each arm is compared with on the rounds in
    which it was open, and one that opens late starts level. Learns from one choice a round. Cite:
    lattimore2020bandit, zimmert2021tsallis.
    """

    belief: Any
    eta: float | Float[Array, ""] = 0.1
    bias: float | Float[Array, ""] = 0.0
    power: float | Float[Array, ""] = 0.0
    potential: Potential = static(default="entropy")
    full: bool = static(default=False)

    init, select = start, pick

    def __check__(self) -> None:
        nonnegative("MirrorDescent eta", self.eta)
        nonnegative("MirrorDescent bias", self.bias)
        nonnegative("MirrorDescent power", self.power)
        one_of("MirrorDescent potential", self.potential, ("entropy", "tsallis"))

    def scores(self, state: Acting, menu: Menu, key: Key) -> Float[Array, "K"]:
        r""":math:`-\eta_t\hat L` of each arm."""
        return -rate(self, state) * state.belief.loss[menu.x]

    def weigh(self, scores: Float[Array, "K"], open: Bool[Array, "K"]) -> Float[Array, "K"]:
        return law(scores, open, self.potential)

    def stops(self, state: Acting, menu: Menu, scores: Float[Array, "K"]) -> Bool[Array, ""]:
        return jnp.bool_(False)

    def estimate(self, loss: Float[Array, ""], prob: Float[Array, ""]) -> Float[Array, ""]:
        """The estimate of a played arm's loss."""
        return loss / (prob + self.bias)

    def update(self, state: Acting, menu: Menu, choice: Choice, outcome: Outcome) -> Acting:
        belief = state.belief
        loss = losses(belief, choice, outcome, full=self.full)
        if self.full:
            p = self.weigh(-rate(self, state) * belief.loss[menu.x], menu.open)
            seen = jnp.where(menu.open, loss, (p * loss).sum())
        else:
            guess = jnp.minimum(self.estimate(loss, choice.prob), MOST)
            mine = jnp.arange(menu.open.shape[0]) == choice.item
            seen = jnp.where(mine, guess, jnp.where(menu.open, 0, choice.prob * guess))
        total = belief.loss.at[menu.x].add(jnp.where(choice.valid, seen, 0))
        return charged(state, total, choice, outcome)


@record
class Exp4:
    r"""Play by the advice of experts: column m of the menu's features is the law over items that expert m advises.

    Item k is played with probability :math:`p_k = \sum_mQ_mE_{km}`, :math:`Q \propto e^{-\eta\hat L}`; its loss over
    :math:`p_k` (plus `bias`) is charged to the experts in proportion to their advice. Advice on closed items is passed
    on to the open ones in proportion, evenly where there is none; advice below 0 counts as 0. Learns from one choice a
    round. Cite: auer2002nonstochastic, lattimore2020bandit.
    """

    belief: Any
    eta: float | Float[Array, ""] = 0.1
    bias: float | Float[Array, ""] = 0.0
    power: float | Float[Array, ""] = 0.0

    init, select = start, pick

    def __check__(self) -> None:
        nonnegative("Exp4 eta", self.eta)
        nonnegative("Exp4 bias", self.bias)
        nonnegative("Exp4 power", self.power)

    def scores(self, state: Acting, menu: Menu, key: Key) -> Float[Array, "K"]:
        """The probability of each item."""
        return dot(advice(menu), jax.nn.softmax(-rate(self, state) * state.belief.loss))

    def weigh(self, scores: Float[Array, "K"], open: Bool[Array, "K"]) -> Float[Array, "K"]:
        kept = jnp.where(open & (scores > 0), scores, 0)
        total = kept.sum()
        return jnp.where(total > 0, kept / jnp.where(total > 0, total, 1), even(open))

    def stops(self, state: Acting, menu: Menu, scores: Float[Array, "K"]) -> Bool[Array, ""]:
        return jnp.bool_(False)

    def estimate(self, loss: Float[Array, ""], prob: Float[Array, ""]) -> Float[Array, ""]:
        """The estimate of a played item's loss."""
        return loss / (prob + self.bias)

    def update(self, state: Acting, menu: Menu, choice: Choice, outcome: Outcome) -> Acting:
        loss = losses(state.belief, choice, outcome, full=False)
        guess = jnp.minimum(self.estimate(loss, choice.prob), MOST)
        seen = advice(menu)[choice.item] * guess
        return charged(state, state.belief.loss + jnp.where(choice.valid, seen, 0), choice, outcome)


def advice(menu: Menu) -> Float[Array, "K experts"]:
    """Each expert's law over the open items."""
    given = jnp.where(menu.open[:, None], jnp.maximum(menu.x, 0), 0)
    total = given.sum(0)
    return jnp.where(total > 0, given / jnp.where(total > 0, total, 1), even(menu.open)[:, None])


def rate(policy: Any, state: Acting) -> Float[Array, ""]:
    r"""The learning rate :math:`\eta t^{-\alpha}` of the round to come."""
    return policy.eta * (state.belief.rounds + 1) ** -jnp.asarray(policy.power)


def law(scores: Float[Array, "K"], open: Bool[Array, "K"], potential: Potential) -> Float[Array, "K"]:
    r"""The law on open items that maximises :math:`\langle p, s\rangle - \Psi(p)`; an item whose score is NaN has none.

    For "tsallis" :math:`p_k = (w + (s_\max - s_k)/2)^{-2}`; w lies between 1 and :math:`\sqrt K`, and Newton's steps
    reach it from below without passing it.
    """
    known = open & ~jnp.isnan(scores)
    scores = jnp.where(known.any(), scores, 0.0)
    known = jnp.where(known.any(), known, open)
    top = jnp.where(known, scores, -jnp.inf).max()
    gap = jnp.where(known, top - scores, 0) * 1.0
    if potential == "entropy":
        weight = jnp.where(known, jnp.exp(-gap), 0)
    else:

        def step(_: Any, w: Array) -> Array:
            inverse = jnp.where(known, 1 / (w + gap / 2), 0)
            return w + ((inverse**2).sum() - 1) / (2 * (inverse**3).sum())

        w = jax.lax.fori_loop(0, NEWTON_STEPS, step, jnp.ones((), scores.dtype))
        weight = jnp.where(known, (w + gap / 2) ** -2, 0)
    total = weight.sum()
    return weight / jnp.where(total > 0, total, 1)


def losses(belief: Any, choice: Choice, outcome: Outcome, *, full: bool) -> Array:
    """What was lost, between 0 and 1: of the item chosen, or of each."""
    if choice.item.ndim:
        raise TypeError("mirror descent learns from one choice a round: take Batched away from around it")
    y = jnp.asarray(outcome.y, belief.loss.dtype)
    if y.ndim != full:
        told = "one reward" if full else "a row of rewards"
        raise TypeError(f"the policy has full={full} and was told {told}: build it for what the oracle tells")
    loss = jnp.clip((belief.high - y) / (jnp.asarray(belief.high) - belief.low), 0, 1)
    return jnp.where(choice.valid, loss, jnp.zeros_like(loss))


def charged(state: Acting, total: Array, choice: Choice, outcome: Outcome) -> Acting:
    """The state after losses were added: above the best one's, one round older, flagged where something is wrong."""
    total = jnp.minimum(total - total.min(), MOST)
    rounds = state.belief.rounds + choice.valid.astype(state.belief.rounds.dtype)
    bits = state.status | flag(~jnp.isfinite(total).all(), NAN_BELIEF) | outside(state.belief, choice, outcome.y)
    return Acting(state.belief.replace(loss=total, rounds=rounds), bits)


def hedge(
    experts: int, *, eta: Scalar | None = None, horizon: int | None = None, low: Scalar = 0.0, high: Scalar = 1.0
) -> MirrorDescent:
    r"""Hedge on `experts` experts that all tell what they earned, in [`low`, `high`]: exponential weights.

    `eta`, or :math:`\sqrt{8\ln N/T}` for T = `horizon` rounds, or :math:`\sqrt{8\ln N/t}` in round t. Cite:
    freund1997decision.
    """
    best = math.sqrt(8 * math.log(max(experts, 2)))
    return _descent("hedge", experts, eta, horizon, best, low, high, full=True)


def exp3(
    arms: int, *, eta: Scalar | None = None, horizon: int | None = None, low: Scalar = 0.0, high: Scalar = 1.0
) -> MirrorDescent:
    r"""Exp3 on `arms` arms with any rewards in [`low`, `high`]: exponential weights on importance-weighted losses.

    `eta`, or :math:`\sqrt{2\ln K/(TK)}` for T = `horizon` rounds, or :math:`\sqrt{\ln K/(tK)}` in round t. Cite:
    auer2002nonstochastic.
    """
    best = math.sqrt((2 if horizon else 1) * math.log(max(arms, 2)) / max(arms, 1))
    return _descent("exp3", arms, eta, horizon, best, low, high)


def exp3_ix(
    arms: int, *, eta: Scalar | None = None, horizon: int | None = None, low: Scalar = 0.0, high: Scalar = 1.0
) -> MirrorDescent:
    r"""Exp3-IX: Exp3 with estimates biased by implicit exploration, whose regret is small with high probability.

    `eta`, or :math:`\sqrt{2\ln(K+1)/(TK)}` for T = `horizon` (1000 where neither is given); the bias is half of it.
    Cite: neu2015explore.
    """
    best = math.sqrt(2 * math.log(max(arms, 1) + 1) / max(arms, 1))
    made = _descent("exp3_ix", arms, eta, horizon or 1000, best, low, high)
    return made.replace(bias=made.eta / 2)  # type: ignore[attr-defined]


def tsallis_inf(arms: int, *, low: Scalar = 0.0, high: Scalar = 1.0) -> MirrorDescent:
    r"""Tsallis-INF: mirror descent with :math:`-2\sum\sqrt{p_k}` and the rate :math:`2/\sqrt t`, for any horizon.

    Its regret is of the order :math:`\sqrt{KT}` against an adversary and logarithmic on stochastic arms, unasked.
    Cite: zimmert2021tsallis.
    """
    at_least("tsallis_inf arms", arms, 1)
    ordered("tsallis_inf", low, high)
    belief = ArmLosses(jnp.zeros(arms), jnp.zeros(()), low, high)
    return MirrorDescent(belief, 2.0, power=0.5, potential="tsallis")


def exp4(experts: int, *, eta: Scalar = 0.1, bias: Scalar = 0.0, low: Scalar = 0.0, high: Scalar = 1.0) -> Exp4:
    r"""Exp4 with `experts` experts; for K items and T rounds the best `eta` is :math:`\sqrt{2\ln M/(TK)}`.

    Cite: auer2002nonstochastic.
    """
    at_least("exp4 experts", experts, 1)
    ordered("exp4", low, high)
    return Exp4(ExpertLosses(jnp.zeros(experts), jnp.zeros(()), low, high), eta, bias)


def _descent(
    name: str, arms: int, eta: Scalar | None, horizon: int | None, best: float, low: Scalar, high: Scalar, *,
    full: bool = False,
) -> MirrorDescent:  # fmt: skip
    """Exponential weights with the rate given, or `best` over the root of the horizon, or of the round."""
    at_least(f"{name} {'experts' if full else 'arms'}", arms, 1)
    ordered(name, low, high)
    if horizon is not None:
        at_least(f"{name} horizon", horizon, 1)
    belief = ArmLosses(jnp.zeros(arms), jnp.zeros(()), low, high)
    if eta is None and horizon is None:
        return MirrorDescent(belief, best, power=0.5, full=full)
    return MirrorDescent(belief, best / math.sqrt(horizon or 1) if eta is None else eta, full=full)
