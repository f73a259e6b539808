"""A^2: active learning that assumes nothing of the labels, by elimination on the region of disagreement."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num

from altheory.beliefs import Finite
from altheory.core import Choice, Key, Menu, Outcome, item_ids, leaf, record
from altheory.core.check import nonnegative, one_length
from altheory.core.record import is_traced
from altheory.core.status import OK
from altheory.policies.pick import health
from altheory.policies.streams import ask_or_pass, check_open_interval, require_finite

MOST = 2**30
"""The most labels a round may plan."""


def _law(mass: Any) -> Any:
    """Masses that sum to 1; what has none is left for `__check__` to refuse."""
    if is_traced(mass):
        return mass
    given = np.asarray(mass, np.float64)
    total = given.sum()
    return jnp.asarray(given / total if total > 0 else given, jnp.float32)


@record
class Halving:
    """Where A^2 stands: survivors as a belief, the `number` of the round from 1, its `region` of disagreement, the
    labels `left` to buy and those `labelled`, and each hypothesis's `errors` on them.
    """

    belief: Any
    status: Array
    number: Int[Array, ""]
    region: Bool[Array, "N"]
    left: Int[Array, ""]
    labelled: Int[Array, ""]
    errors: Int[Array, "H"]


@record
class A2:
    r"""A^2 over a table of hypotheses, where the items' `mass` `[N]` is known: no assumption on the labels' noise.

    In round k, :math:`\varepsilon_k = 2^{-k}`, it buys :math:`n_k = \lceil 2m_k^2\varepsilon_k^{-2}\ln\frac{2Hk(k+1)}
    \delta\rceil` labels of items on which survivors disagree (of mass :math:`m_k`), passes all others, and drops the
    hypotheses whose error there, times :math:`m_k`, exceeds the least by more than :math:`\varepsilon_k`. With
    probability :math:`1-\delta`, in every round the best hypothesis survives, and survivors' errors are at most
    :math:`2\varepsilon_k` above its.

    The stream must draw its items from `mass`, independently. A round's end costs H N, any other item H. Raises
    `ValueError` where masses are negative or of another number than the table's items, or `delta` not between 0 and 1.
    Cite: balcan2009agnostic, hanneke2014theory.
    """

    belief: Any
    mass: Num[Array | np.ndarray, "N"] = leaf(converter=_law)
    delta: float | Float[Array, ""] = 0.05

    def __check__(self) -> None:
        require_finite("A2", self.belief)
        if self.belief.items is None:
            raise ValueError("A2 needs a table of predictions over items, `finite(table)`: halfspaces have none")
        one_length("A2 mass", self.mass, self.belief.items)
        nonnegative("A2 mass", self.mass)
        if not float(self.mass.sum()) > 0:
            raise ValueError("A2 mass must have some mass; it is 0 for every item")
        check_open_interval("A2 delta", self.delta)

    def width(self, number: Int[Array, ""]) -> Float[Array, ""]:
        r""":math:`\varepsilon_k`."""
        return jnp.exp2(-number.astype(self.mass.dtype))

    def labels(self, number: Int[Array, ""], mass: Float[Array, ""]) -> Int[Array, ""]:
        """The labels of a round whose region of disagreement has a `mass`."""
        k, size = number.astype(mass.dtype), self.belief.log_mass.shape[0]
        log = jnp.log(2.0 * size) + jnp.log(k) + jnp.log(k + 1) - jnp.log(self.delta)
        return jnp.ceil(jnp.minimum(2 * (mass / self.width(number)) ** 2 * log, MOST)).astype(jnp.int32)

    def plan(self, belief: Finite, number: Int[Array, ""], status: Array) -> Halving:
        """A round, nothing bought."""
        region = belief.contested(belief.hypotheses)
        mass = jnp.where(region, self.mass, 0).sum()
        errors = jnp.zeros(belief.log_mass.shape, jnp.int32)
        return Halving(belief, status, number, region, self.labels(number, mass), jnp.int32(0), errors)

    def init(self, key: Key) -> Halving:
        return self.plan(self.belief, jnp.int32(1), jnp.int32(OK))

    def select(self, state: Halving, menu: Menu, key: Key) -> Choice:
        chance = state.region[item_ids(menu.x)] & (state.left > 0)
        return ask_or_pass(chance.astype(menu.price.dtype), menu, key, state.status)

    def update(self, state: Halving, menu: Menu, choice: Choice, outcome: Outcome) -> Halving:
        once = choice.valid.astype(jnp.int32)
        wrong = state.belief.predictions(menu[choice.item].x) != jnp.asarray(outcome.y, jnp.int32)
        noted: Halving = state.replace(  # type: ignore[attr-defined]
            status=state.status | health(state.belief),
            left=state.left - once,
            labelled=state.labelled + once,
            errors=state.errors + once * wrong.astype(jnp.int32),
        )
        over = choice.valid & (noted.left <= 0)

        def end(carry: tuple[Array, Halving]) -> tuple[Array, Halving]:
            return jnp.zeros_like(over), self.finish(carry[1])

        return jax.lax.while_loop(lambda carry: carry[0], end, (over, noted))[1]

    def finish(self, state: Halving) -> Halving:
        """Drop what is too wrong, and plan the next round.

        It runs as a loop of at most one turn: vectorised, a branch would be taken for every item.
        """
        mass = jnp.where(state.region, self.mass, 0).sum()
        error = mass * state.errors.astype(mass.dtype) / jnp.maximum(state.labelled, 1).astype(mass.dtype)
        best = jnp.where(state.belief.alive, error, jnp.inf).min()
        kept = state.belief.keeping(error - best <= self.width(state.number))
        return self.plan(kept, state.number + 1, state.status)
