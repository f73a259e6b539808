"""The best arm on a budget: halve the arms in rounds of equal cost."""

import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Int

from altheory.core import Key, record, static
from altheory.core.check import at_least
from altheory.core.status import NAN_BELIEF, flag
from altheory.policies.elimination import Phase, select, update


@record
class SequentialHalving:
    r"""The best of K arms with T pulls: each round halves the arms that are left.

    Of :math:`R = \lceil\log_2K\rceil` rounds the r-th plays each of its :math:`n_r` arms
    :math:`t_r = \lfloor T/(n_rR)\rfloor` times and keeps the :math:`\lceil n_r/2\rceil` best means, the first of equal
    ones. `fresh`: means are of the round alone, as its theorem has it; else of all rewards so far, which is successive
    halving and needs no noise to be independent. After the last round `state.best` is what is left, and the run stops.
    An arm that is closed is not played; where all that are due are closed, the run stops. `prob` of its choices is 1.

    A round costs O(K). Raises `ValueError` where a size is below 1, or the budget leaves no pull for an arm.
    Cite: karnin2013almost, jamieson2016nonstochastic.
    """

    arms: int = static()
    budget: int = static()
    fresh: bool = static(default=True)

    select, update = select, update

    def __check__(self) -> None:
        at_least("SequentialHalving arms", self.arms, 1)
        at_least("SequentialHalving budget", self.budget, 1)
        if self.pulls and min(self.pulls) < 1:
            raise ValueError(
                f"SequentialHalving budget must be at least {self.arms * len(self.pulls)} for {self.arms} arms; "
                f"it is {self.budget}"
            )

    @property
    def kept(self) -> tuple[int, ...]:
        """How many arms each round keeps."""
        left, found = self.arms, []
        while left > 1:
            left = math.ceil(left / 2)
            found.append(left)
        return tuple(found)

    @property
    def pulls(self) -> tuple[int, ...]:
        """The pulls of each arm in each round."""
        return tuple(self.budget // (n * len(self.kept)) for n in (self.arms, *self.kept[:-1])) if self.kept else ()

    def init(self, key: Key) -> Phase:
        zero, none = jnp.zeros(self.arms), jnp.zeros(self.arms, jnp.int32)
        first = Phase(jnp.int32(1), jnp.ones(self.arms, bool), none, none, zero, zero, jnp.int32(0))
        return self._due(first)

    def ended(self, state: Phase) -> Phase:
        """The means of a round, the arms that it leaves, and the next round's pulls."""
        mean = state.sums / jnp.maximum(state.pulled, 1)
        order = jnp.argsort(jnp.where(state.active, -mean, jnp.inf), stable=True)
        rank = jnp.zeros(self.arms, jnp.int32).at[order].set(jnp.arange(self.arms, dtype=jnp.int32))
        kept = state.active & (rank < self._of_round(self.kept, state.number))
        after: Phase = state.replace(  # type: ignore[attr-defined]
            number=state.number + 1,
            active=kept,
            estimate=mean,
            sums=state.sums * (0.0 if self.fresh else 1.0),
            pulled=state.pulled * (0 if self.fresh else 1),
            status=state.status | flag(~jnp.isfinite(mean).all(), NAN_BELIEF),
        )
        return self._due(after)

    def _due(self, state: Phase) -> Phase:
        due = jnp.where(state.active, self._of_round(self.pulls, state.number), 0)
        return state.replace(left=due.astype(jnp.int32))  # type: ignore[attr-defined]

    def _of_round(self, values: tuple[int, ...], number: Int[Array, ""]) -> Any:
        """The value of a round, 0 after the last."""
        return jnp.asarray((*values, 0), jnp.int32)[jnp.minimum(number - 1, len(values))]
