"""Policies for streams: ask for the label of the item on offer, or let it pass."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from altheory.beliefs import Finite
from altheory.core import Choice, Key, Menu, Outcome, ScoreFn, leaf, record
from altheory.core import score as bind
from altheory.core.check import finite, positive, within
from altheory.core.random import draw
from altheory.core.record import is_traced
from altheory.core.status import NAN_SCORE, OK, flag
from altheory.policies.pick import Acting, even, health, learn, start, worth


def ask_or_pass(chance: Float[Array, "K"], menu: Menu, key: Key, status: Array) -> Choice:
    """Ask about the open item of the highest chance (ties at random) with that chance, else pass.

    A pass is a choice that is neither valid nor a stop; `prob` is the chance of asking, whichever way the coin fell.
    NaN counts as 1, and is flagged: a broken chance shows in what is spent. Stops where nothing is open.
    """
    which_key, coin_key = jax.random.split(key)
    wrong = menu.open & jnp.isnan(chance)
    chance = jnp.where(wrong, 1, jnp.clip(chance, 0, 1))
    level = worth(chance, menu.open)
    law = even(menu.open & (level == level.max()))
    item = draw(law, which_key)
    prob = law[item] * chance[item]
    asks = jax.random.uniform(coin_key, (), chance.dtype) < chance[item]
    stop = ~menu.open.any()
    return Choice(item, prob, stop, asks & ~stop, status | flag(wrong.any(), NAN_SCORE))


@record
class SelectiveSampling:
    """Ask for the label on offer with the probability that `chance(belief, menu, key) -> [K]` gives, else pass.

    With `disagreement` over a `Finite` belief this is CAL, with `margin_chance` over a perceptron the selective
    sampling perceptron. `prob` of its choices is the chance of asking. Cite: cesabianchi2006worst, cohn1994improving.
    """

    belief: Any
    chance: ScoreFn = leaf(converter=bind)

    init, update = start, learn

    def select(self, state: Acting, menu: Menu, key: Key) -> Choice:
        chance_key, key = jax.random.split(key)
        return ask_or_pass(self.chance(state.belief, menu, chance_key), menu, key, state.status)


@record
class Pacing:
    """A belief, and the `threshold` on the score."""

    belief: Any
    status: Array
    threshold: Float[Array, ""]


@record
class QueryRate:
    r"""Ask where the score exceeds a threshold that is moved to keep the asked share at `rate`, whatever the stream.

    :math:`\tau \leftarrow \tau + \eta(Q_t - \rho)`: :math:`Q_t` is whether item t was asked about, :math:`\rho` the
    `rate`, :math:`\eta` the `step` in units of the score. `threshold` is the first one; at the least value of the score
    the first items are asked about. For scores (and the first threshold) in an interval of length w the labels after
    t items are within :math:`w/\eta + 1` of :math:`\rho t`, on every stream: the guarantee `query-rate`. `prob` is 1
    where it asks, 0 where it passes. A NaN score is asked about and flagged. Cite: gibbs2021adaptive.
    """

    belief: Any
    score: ScoreFn = leaf(converter=bind)
    rate: float | Float[Array, ""] = 0.1
    step: float | Float[Array, ""] = 0.02
    threshold: float | Float[Array, ""] = 0.0

    def __check__(self) -> None:
        within("QueryRate rate", self.rate, 0, 1)
        positive("QueryRate step", self.step)
        finite("QueryRate threshold", self.threshold)

    def init(self, key: Key) -> Pacing:
        return Pacing(self.belief, jnp.int32(OK), jnp.asarray(self.threshold, jnp.result_type(float)))

    def select(self, state: Pacing, menu: Menu, key: Key) -> Choice:
        score_key, key = jax.random.split(key)
        s = self.score(state.belief, menu, score_key)
        over = (worth(s, menu.open) > state.threshold).astype(s.dtype)
        chance = jnp.where(jnp.isnan(s), s, over)
        return ask_or_pass(chance, menu, key, state.status)

    def update(self, state: Pacing, menu: Menu, choice: Choice, outcome: Outcome) -> Pacing:
        acting = learn(self, Acting(state.belief, state.status), menu, choice, outcome)
        moved = state.threshold + self.step * (choice.valid.astype(state.threshold.dtype) - self.rate)
        return Pacing(acting.belief, acting.status, jnp.where(choice.stop, state.threshold, moved))


@record
class Weighing:
    """Survivors as a belief, each hypothesis's importance-weighted loss in sum, and how many items were `seen`."""

    belief: Any
    status: Array
    loss: Float[Array, "H"]
    seen: Int[Array, ""]

    @property
    def risk(self) -> Float[Array, "H"]:
        """The unbiased estimate of every hypothesis's mean loss."""
        return self.loss / jnp.maximum(self.seen, 1).astype(self.loss.dtype)


@record
class IWAL:
    r"""Importance-weighted active learning over a `Finite` class: an item's chance is how much its label may matter.

    An item is asked about with probability :math:`p_t = \max_{f,g,y}\ell(f(x),y) - \ell(g(x),y)` over survivors, at
    least `least`, which is the `prob` of the choice; a loss counts :math:`1/p_t`, so that `state.risk` is unbiased.
    Survivors are within :math:`\Delta_t = \sqrt{\frac2t\ln\frac{H^2t(t+1)}\delta}` of the least risk: with probability
    :math:`1-\delta` the best hypothesis survives and all survivors lose at most :math:`2\Delta_t` more.

    `loss` `[C, C]` in [0, 1] is that of predicting its row where its column is true; 0-1 where None. A round costs
    H C. Raises `ValueError` where losses or `delta` are not between 0 and 1, or `least` not above 0 and at most 1.
    Cite: beygelzimer2009importance.
    """

    belief: Any
    delta: float | Float[Array, ""] = 0.05
    least: float | Float[Array, ""] = 0.1
    loss: Any = None

    def __check__(self) -> None:
        require_finite("IWAL", self.belief)
        check_open_interval("IWAL delta", self.delta)
        positive("IWAL least", self.least)
        within("IWAL least", self.least, 0, 1)
        classes = self.belief.classes
        if self.loss is not None and jnp.shape(self.loss) != (classes, classes):
            raise ValueError(f"IWAL loss must be a [{classes}, {classes}] table; its shape is {jnp.shape(self.loss)}")
        if self.loss is not None:
            within("IWAL loss", self.loss, 0, 1)

    @property
    def table(self) -> Float[Array, "C C"]:
        """The loss of each prediction under each true class."""
        if self.loss is not None:
            return jnp.asarray(self.loss, self.belief.log_mass.dtype)
        return 1 - jnp.eye(self.belief.classes, dtype=self.belief.log_mass.dtype)

    def slack(self, seen: Int[Array, ""]) -> Float[Array, ""]:
        r""":math:`\Delta_t` after `seen` items."""
        t = jnp.maximum(seen, 1).astype(self.belief.log_mass.dtype)
        size = self.belief.log_mass.shape[0]
        return jnp.sqrt(2 / t * (2 * jnp.log(float(size)) + jnp.log(t) + jnp.log(t + 1) - jnp.log(self.delta)))

    def init(self, key: Key) -> Weighing:
        return Weighing(self.belief, jnp.int32(OK), jnp.zeros_like(self.belief.log_mass), jnp.int32(0))

    def chance(self, belief: Finite, menu: Menu) -> Float[Array, "K"]:
        """The probability of asking about each item."""
        loss, alive = self.table[belief.predictions(menu.x)], belief.alive[:, None, None]
        spread = jnp.where(alive, loss, -1).max(0) - jnp.where(alive, loss, 2).min(0)
        return jnp.maximum(spread.max(-1), self.least)

    def select(self, state: Weighing, menu: Menu, key: Key) -> Choice:
        return ask_or_pass(self.chance(state.belief, menu), menu, key, state.status)

    def update(self, state: Weighing, menu: Menu, choice: Choice, outcome: Outcome) -> Weighing:
        row = menu[choice.item]
        each = self.table[state.belief.predictions(row.x), jnp.where(choice.valid, outcome.y, 0)]
        weight = jnp.where(choice.valid, 1 / choice.prob, 0).astype(state.loss.dtype)
        seen = state.seen + (~choice.stop).astype(state.seen.dtype)
        after = Weighing(state.belief, state.status, state.loss + weight * each, seen)
        best = jnp.where(state.belief.alive, after.risk, jnp.inf).min()
        kept = state.belief.keeping((after.risk <= best + self.slack(seen)) | choice.stop)
        return after.replace(belief=kept, status=state.status | health((kept, after.loss)))  # type: ignore[attr-defined]


def require_finite(name: str, belief: Any) -> None:
    """Raise `TypeError` where a belief is none over a finite class."""
    if not isinstance(belief, Finite):
        raise TypeError(f"{name} needs a belief over a finite class; it got {type(belief).__name__}: use `finite`")


def check_open_interval(name: str, value: Any) -> None:
    """Raise `ValueError` where a number is not strictly between 0 and 1."""
    within(name, value, 0, 1)
    if not is_traced(value) and not 0 < float(value) < 1:
        raise ValueError(f"{name} must lie between 0 and 1; it is {float(value):g}")
