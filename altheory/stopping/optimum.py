"""Stopping where labels and errors together cost least."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.core import record
from altheory.core.check import nonnegative, positive, within
from altheory.stopping.curve import LearningCurve, learning_curve
from altheory.stopping.rule import Reading


@record
class Outlay:
    """The learning curve so far, and what labels cost of late."""

    curve: LearningCurve
    labels: Float[Array, ""]
    spent: Float[Array, ""]
    step: Float[Array, ""]
    bought: Float[Array, ""]
    paid: Float[Array, ""]


@record
class CostOptimum:
    r"""Stop once the next labels are unlikely to pay: :math:`P\bigl(M(e_n - e_{n+k}) > kp\bigr) \le` `doubt`.

    `stake` M is the cost of an error times the predictions to be made; k the labels of the last round; p the price of a
    label of late; the fall of the error is that of the `LearningCurve` fitted to all `error` readings so far. A power
    law is convex, so the first n at which the next labels do not pay is the optimum of labels' price plus errors' cost
    (`cost-two-competitive`). A `doubt` below 1/2 is for what cannot be taken back: a label too many costs a label,
    a stop too early all that was still to be gained. Reads `labels`, `spent`, and `error` of a validation set; says
    nothing before the first label. Raises `ValueError` where `stake` is not above 0 or `doubt` outside [0, 1]. Cite:
    pullarstrecker2024hitting.
    """

    stake: float | Float[Array, ""]
    doubt: float | Float[Array, ""] = 0.1
    forget: float | Float[Array, ""] = 1.0

    reads = ("labels", "spent", "error")

    def __check__(self) -> None:
        positive("CostOptimum stake", self.stake)
        within("CostOptimum doubt", self.doubt, 0, 1)
        nonnegative("CostOptimum forget", self.forget)

    def init(self) -> Outlay:
        nothing = jnp.zeros(())
        return Outlay(learning_curve(forget=self.forget), nothing, nothing, nothing, nothing, nothing)

    def observe(self, memory: Outlay, seen: Reading) -> Outlay:
        labels, spent, error = (jnp.asarray(seen[name], memory.labels.dtype) for name in self.reads)
        step, money = labels - memory.labels, spent - memory.spent
        keep = jnp.where(step > 0, (memory.labels / jnp.maximum(labels, 1.0)) ** self.forget, 1.0)
        return Outlay(
            memory.curve.update(labels, error),
            labels,
            spent,
            jnp.where(step > 0, step, memory.step),
            keep * memory.bought + step,
            keep * memory.paid + money,
        )

    def price(self, memory: Outlay) -> Float[Array, ""]:
        """What a label cost of late."""
        return memory.paid / jnp.maximum(memory.bought, jnp.finfo(memory.bought.dtype).tiny)

    def says(self, memory: Outlay) -> Bool[Array, ""]:
        due = memory.step * self.price(memory) / self.stake
        return (memory.labels >= 1) & (memory.curve.falls_by(due, memory.step) <= self.doubt)
