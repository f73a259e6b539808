"""Routing under a hard budget: a learned quality less the going price of money."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.beliefs import linear, separate
from altheory.core import Choice, Key, Menu, Outcome, Scalar, Score, leaf, record, score, static
from altheory.core.arrays import floats
from altheory.core.check import at_least, nonnegative, positive
from altheory.core.numerics import add_exact
from altheory.core.random import draw
from altheory.core.status import NAN_SCORE, OK, flag
from altheory.policies.combine import SLACK, paid
from altheory.policies.directed import inverse_gaps
from altheory.policies.pick import even, health, worth
from altheory.scores import mean_score, thompson, ucb


@record
class Routing:
    """What a router knows: beliefs of quality and of cost, the price of money, the money spent, and the round."""

    belief: Any
    cost: Any
    dual: Float[Array, ""]
    spent: tuple[Array, Array]
    round: Int[Array, ""]
    status: Int[Array, ""]


def beginning(belief: Any, cost: Any, dual: Scalar) -> Routing:
    """The state before the first prompt."""
    zero = jnp.zeros(())
    return Routing(belief, cost, jnp.asarray(dual, zero.dtype), (zero, zero), jnp.int32(0), jnp.int32(OK))


def affordable(state: Routing, menu: Menu, budget: Float[Array, ""] | float, horizon: int) -> Bool[Array, "K"]:
    """What may be asked so that the cheapest model stays affordable for all rounds to come."""
    cheapest = jnp.where(menu.open, menu.price, jnp.inf).min()
    left = jnp.maximum(horizon - state.round - 1, 0).astype(menu.price.dtype)
    keep = jnp.where(jnp.isfinite(cheapest), cheapest, 0) * left
    total = add_exact(state.spent, menu.price)
    safe = (total[0] + keep - budget * (1 + SLACK)) + total[1] <= 0
    bare = (total[0] - budget * (1 + SLACK)) + total[1] <= 0
    return menu.open & (safe | (bare & ~(safe & menu.open).any() & (menu.price <= cheapest)))


@record
class Router:
    r"""Send each of `horizon` prompts to the model of the largest :math:`s_k - \lambda_t\hat c_k/b`, within `budget`.

    s is a `score` of the `belief` of quality, :math:`\hat c` the mean of the `cost` belief in units of b, the budget a
    round, and :math:`\lambda` the going price of money, :math:`\lambda_{t+1} = (\lambda_t + \eta(c_t/b - 1))_+`, with
    :math:`\eta` = `step`, from `dual` on: overspending raises it. A model is closed where its declared price
    would not leave the cheapest one affordable for all rounds to come, so that every prompt is answered and the budget
    is never exceeded, whatever the costs within their declared prices. Where not even the cheapest fits, it stops.
    With a `gamma` models are drawn by inverse gaps, as SquareCB does, in place of the best.

    Raises `ValueError` where the budget or step is not above 0 or the horizon below 1.
    Cite: badanidiyuru2018bandits, immorlica2022adversarial.
    """

    belief: Any
    cost: Any
    budget: Float[Array, ""] | float
    score: Score = leaf(default=mean_score, converter=score)
    step: Float[Array, ""] | float = 0.05
    dual: Float[Array, ""] | float = 0.0
    horizon: int = static(default=1)
    gamma: Float[Array, ""] | float | None = None

    def __check__(self) -> None:
        positive("Router budget", self.budget)
        positive("Router step", self.step)
        nonnegative("Router dual", self.dual)
        at_least("Router horizon", self.horizon, 1)
        nonnegative("Router gamma", () if self.gamma is None else self.gamma)

    def init(self, key: Key) -> Routing:
        return beginning(self.belief, self.cost, self.dual)

    @property
    def rate(self) -> Array:
        """The budget per round."""
        return jnp.asarray(self.budget) / self.horizon

    def select(self, state: Routing, menu: Menu, key: Key) -> Choice:
        score_key, draw_key = jax.random.split(key)
        open = affordable(state, menu, self.budget, self.horizon)
        gain = self.score(state.belief, menu, score_key) - state.dual * jnp.maximum(state.cost.mean(menu), 0)
        value = worth(gain, open)
        best = even(open & (value >= value.max()))
        law = best if self.gamma is None else inverse_gaps(gain, open, self.gamma)
        item = draw(law, draw_key)
        stop = ~open.any()
        bad = flag((jnp.isnan(gain) & open).any(), NAN_SCORE)
        return Choice(item, law[item], stop, ~stop, state.status | bad)

    def update(self, state: Routing, menu: Menu, choice: Choice, outcome: Outcome) -> Routing:
        row = menu[choice.item]
        row = Menu(row.x, row.price, row.noise, row.open & choice.valid)
        relative = outcome.cost / self.rate
        dual = jnp.maximum(state.dual + self.step * (relative - 1), 0)
        belief = state.belief.update(row, outcome.y)
        return Routing(
            belief,
            state.cost.update(row, relative),
            jnp.where(choice.valid, dual, state.dual),
            paid(state.spent, choice, outcome),
            state.round + 1,
            state.status | choice.status | health(belief),
        )


def router(
    dim: int,
    models: int,
    *,
    budget: Scalar,
    horizon: int,
    explore: str = "ucb",
    width: Scalar = 0.5,
    prior: Scalar = 1.0,
    noise: Scalar = 0.4,
    step: Scalar | None = None,
    gamma: Scalar | None = None,
) -> Router:
    """A contextual router: linear beliefs of each model's quality and cost in `dim` features, one of them constant.

    `explore`: by `width` standard deviations ("ucb"), by posterior draws ("thompson"), by inverse gaps ("squarecb",
    with `gamma`, by default the root of models times horizon) or not at all ("mean"). `step` is that of the price of
    money, by default a fifth over the root of the horizon: on recorded answers larger ones made the price, and so the
    choices, noisy. Raises `ValueError` as `Router` does, or on another word. Cite: agrawal2016contextual,
    foster2020beyond.
    """
    greedy = score(mean_score)
    by = {"ucb": score(ucb, width=width), "thompson": score(thompson), "squarecb": greedy, "mean": greedy}
    if explore not in by:
        raise ValueError(f"router explore must be one of {', '.join(by)}; it is {explore!r}")
    at_least("router horizon", horizon, 1)
    quality = separate(linear(dim, prior=prior, noise=noise), models)
    cost = separate(linear(dim, prior=0.1, noise=1.0), models)
    if explore == "squarecb" and gamma is None:
        gamma = (models * horizon) ** 0.5
    moves = 0.2 * horizon**-0.5 if step is None else step
    return Router(quality, cost, budget, by[explore], moves, 0.0, horizon, gamma)


@record
class FixedMix:
    """Ask model k with probability `weights[k]`, whatever the prompt: the best fixed model, or a static mixture.

    The budget is that of `Router`: a model is closed where its declared price would not leave the cheapest affordable.
    """

    weights: Float[Array, "K"] | Float[np.ndarray, "K"] = leaf(converter=floats)
    budget: Float[Array, ""] | float = 1.0
    horizon: int = static(default=1)

    def __check__(self) -> None:
        nonnegative("FixedMix weights", self.weights)
        positive("FixedMix budget", self.budget)
        at_least("FixedMix horizon", self.horizon, 1)

    def init(self, key: Key) -> Routing:
        return beginning((), (), 0.0)

    def select(self, state: Routing, menu: Menu, key: Key) -> Choice:
        open = affordable(state, menu, self.budget, self.horizon)
        weight = jnp.where(open, self.weights, 0)
        weight = jnp.where(weight.sum() > 0, weight, open.astype(weight.dtype))
        prob = weight / jnp.maximum(weight.sum(), jnp.finfo(weight.dtype).tiny)
        item = draw(prob, key)
        return Choice(item, prob[item], ~open.any(), open.any(), state.status)

    def update(self, state: Routing, menu: Menu, choice: Choice, outcome: Outcome) -> Routing:
        return state.replace(spent=paid(state.spent, choice, outcome), round=state.round + 1)  # type: ignore[attr-defined]
