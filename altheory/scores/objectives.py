"""Values of a set of items that a greedy rule may maximise. All are monotone and submodular."""

from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.core import leaf, record
from altheory.core.check import finite, nonnegative, positive
from altheory.core.numerics import dot
from altheory.scores.inputs import as_floats

State = Any


@runtime_checkable
class Objective(Protocol):
    """A set function, zero at the empty set: its `state` holds what the items added so far leave to gain."""

    @property
    def items(self) -> int: ...
    def start(self) -> State: ...
    def gains(self, state: State, index: Int[Array, "b"]) -> Float[Array, "b"]: ...
    def add(self, state: State, item: Int[Array, ""]) -> State: ...


def _floats(x: Any) -> Any:
    return as_floats("an objective's array", x, axes="...")


@record
class FacilityLocation:
    r""":math:`F(S) = \sum_u\max(b_u,\max_{i\in S}s_{iu}) - \sum_ub_u`; `similarity [items, targets]`, `base`."""

    similarity: Float[Array, "items targets"] | Float[np.ndarray, "items targets"] = leaf(converter=_floats)
    base: Float[Array, "targets"] | Float[np.ndarray, "targets"] = leaf(converter=_floats)

    def __check__(self) -> None:
        finite("similarity", self.similarity)
        finite("base", self.base)
        if self.similarity.ndim != 2 or self.base.shape != self.similarity.shape[1:]:
            raise ValueError(
                f"similarity must be [items, targets] and base [targets]; their shapes are {self.similarity.shape}"
                f" and {self.base.shape}"
            )

    @property
    def items(self) -> int:
        return self.similarity.shape[0]

    def start(self) -> Float[Array, "targets"]:
        return jnp.asarray(self.base)

    def gains(self, state: Array, index: Array) -> Float[Array, "b"]:
        return jnp.maximum(self.similarity[index] - state, 0).sum(-1)

    def add(self, state: Array, item: Array) -> Float[Array, "targets"]:
        return jnp.maximum(state, self.similarity[item])


@record
class Proximity:
    """`FacilityLocation` of the inner products of `x [items, d]` and `targets [T, d]`, computed as they are needed."""

    x: Float[Array, "items d"] | Float[np.ndarray, "items d"] = leaf(converter=_floats)
    targets: Float[Array, "T d"] | Float[np.ndarray, "T d"] = leaf(converter=_floats)
    base: Float[Array, "T"] | Float[np.ndarray, "T"] = leaf(converter=_floats)

    @property
    def items(self) -> int:
        return self.x.shape[0]

    def start(self) -> Float[Array, "T"]:
        return jnp.asarray(self.base)

    def gains(self, state: Array, index: Array) -> Float[Array, "b"]:
        return jnp.maximum(dot(jnp.asarray(self.x)[index], jnp.asarray(self.targets).T) - state, 0).sum(-1)

    def add(self, state: Array, item: Array) -> Float[Array, "T"]:
        return jnp.maximum(state, dot(jnp.asarray(self.targets), jnp.asarray(self.x)[item]))


@record
class Coverage:
    r""":math:`F(S) = \sum_{e\in\bigcup_{i\in S}E_i}w_e`: `covers [items, elements]` says what is in :math:`E_i`."""

    covers: Bool[Array, "items elements"] | Bool[np.ndarray, "items elements"] = leaf(converter=jnp.asarray)
    weight: Float[Array, "elements"] | Float[np.ndarray, "elements"] = leaf(converter=_floats)

    def __check__(self) -> None:
        nonnegative("weight", self.weight)
        if self.covers.ndim != 2 or self.weight.shape != self.covers.shape[1:]:
            raise ValueError(
                f"covers must be [items, elements] and weight [elements]; their shapes are {self.covers.shape} and"
                f" {self.weight.shape}"
            )

    @property
    def items(self) -> int:
        return self.covers.shape[0]

    def start(self) -> Float[Array, "elements"]:
        return jnp.asarray(self.weight)

    def gains(self, state: Array, index: Array) -> Float[Array, "b"]:
        return jnp.where(self.covers[index], state, 0).sum(-1)

    def add(self, state: Array, item: Array) -> Float[Array, "elements"]:
        return jnp.where(self.covers[item], 0, state)


@record
class BallCover:
    r"""`Coverage` of items by balls of a `radius` around items of `x [items, d]`, computed as they are asked for."""

    x: Float[Array, "items d"] | Float[np.ndarray, "items d"] = leaf(converter=_floats)
    weight: Float[Array, "items"] | Float[np.ndarray, "items"] = leaf(converter=_floats)
    radius: Float[Array, ""] | float = leaf()

    def __check__(self) -> None:
        positive("radius", self.radius)

    @property
    def items(self) -> int:
        return self.x.shape[0]

    def start(self) -> Float[Array, "items"]:
        return jnp.asarray(self.weight)

    def gains(self, state: Array, index: Array) -> Float[Array, "b"]:
        return jnp.where(self.within(index), state, 0).sum(-1)

    def add(self, state: Array, item: Array) -> Float[Array, "items"]:
        return jnp.where(self.within(item[None])[0], 0, state)

    def within(self, index: Int[Array, "b"]) -> Bool[Array, "b items"]:
        """Which items lie within the radius of each of the items at `index`; each lies within its own."""
        rows = jnp.asarray(self.x) - self.x.mean(0)
        norm = (rows**2).sum(-1)
        squared = norm[index][:, None] + norm - 2 * dot(rows[index], rows.T)
        return (squared <= jnp.asarray(self.radius, norm.dtype) ** 2) | (
            index[:, None] == jnp.arange(self.items, dtype=index.dtype)
        )


@record
class Plus:
    r""":math:`\sum_{i\in S}u_i + \lambda F(S)`: an objective and a nonnegative score for each item."""

    objective: Any
    scores: Float[Array, "items"] | Float[np.ndarray, "items"] = leaf(converter=_floats)
    weight: Float[Array, ""] | float = 1.0

    def __check__(self) -> None:
        nonnegative("scores", self.scores)
        nonnegative("weight", self.weight)
        if self.scores.shape != (self.objective.items,):
            raise ValueError(f"scores must be [{self.objective.items}], one an item; its shape is {self.scores.shape}")

    @property
    def items(self) -> int:
        return self.objective.items

    def start(self) -> State:
        return self.objective.start()

    def gains(self, state: State, index: Array) -> Float[Array, "b"]:
        return self.scores[index] + self.weight * self.objective.gains(state, index)

    def add(self, state: State, item: Array) -> State:
        return self.objective.add(state, item)
