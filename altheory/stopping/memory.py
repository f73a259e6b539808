"""Rules that look back: no improvement, improvement not stake its price, predictions that no longer change."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from altheory.core import record, static
from altheory.core.check import at_least, positive, within
from altheory.stopping.rule import Reading


def _push(window: Array, new: Array) -> Array:
    """The oldest row dropped, the new one at the end."""
    return jnp.concatenate([window[1:], jnp.asarray(new, window.dtype)[None]])


@record
class Plateau:
    r"""Stop when the measured error fell by less than `tolerance` over the last `window` readings.

    Reads `error`. On a validation set of m items fixed in advance, the chance of stopping at a reading whose true gain
    is g is at most :math:`e^{-m(g - \epsilon)^2/2}` (`plateau-false-stop`): small sets stop by accident. Raises
    `ValueError` where `window` is below 1.
    """

    tolerance: float | Float[Array, ""] = 0.0
    window: int = static(default=10)

    reads = ("error",)

    def __check__(self) -> None:
        at_least("Plateau window", self.window, 1)

    def init(self) -> Float[Array, "window+1"]:
        return jnp.full(self.window + 1, jnp.nan)

    def observe(self, memory: Float[Array, "window+1"], seen: Reading) -> Float[Array, "window+1"]:
        return _push(memory, seen["error"])

    def says(self, memory: Float[Array, "window+1"]) -> Bool[Array, ""]:
        return memory[0] - memory[-1] < self.tolerance


@record
class CostPlateau:
    r"""Stop when the last `window` readings cost more than the errors they removed: token cost and plateau in one.

    :math:`\text{spent}_t - \text{spent}_{t-w} \ge M(e_{t-w} - e_t)`, with `stake` M the cost of an error times the
    predictions to be made. Reads `error` and `spent`, so labels may have any prices. Raises `ValueError` where `stake`
    is not above 0 or `window` below 1.
    """

    stake: float | Float[Array, ""]
    window: int = static(default=10)

    reads = ("error", "spent")

    def __check__(self) -> None:
        positive("CostPlateau stake", self.stake)
        at_least("CostPlateau window", self.window, 1)

    def init(self) -> Float[Array, "window+1 2"]:
        return jnp.full((self.window + 1, 2), jnp.nan)

    def observe(self, memory: Float[Array, "window+1 2"], seen: Reading) -> Float[Array, "window+1 2"]:
        now = [jnp.asarray(seen[name], memory.dtype) for name in self.reads]
        return _push(memory, jnp.stack(now))

    def says(self, memory: Float[Array, "window+1 2"]) -> Bool[Array, ""]:
        fell, paid = memory[0, 0] - memory[-1, 0], memory[-1, 1] - memory[0, 1]
        return (paid >= self.stake * fell) & (paid > 0)


@record
class Agreement:
    r"""Stop when the model's classes for `items` unlabelled items agree with those of `window` readings ago.

    Cohen's :math:`\kappa \ge` `kappa`; reads `predictions` `[items]`, whole-number classes. It needs no labels.
    Raises `ValueError` where a size is below 1 or `kappa` is outside [-1, 1]. Cite: bloodgood2009method.
    """

    items: int = static()
    kappa: float | Float[Array, ""] = 0.99
    window: int = static(default=10)

    reads = ("predictions",)

    def __check__(self) -> None:
        at_least("Agreement items", self.items, 1)
        at_least("Agreement window", self.window, 1)
        within("Agreement kappa", self.kappa, -1, 1)

    def init(self) -> Int[Array, "window+1 items"]:
        return jnp.full((self.window + 1, self.items), -1, jnp.int32)

    def observe(self, memory: Int[Array, "window+1 items"], seen: Reading) -> Int[Array, "window+1 items"]:
        if seen["predictions"].shape != (self.items,):
            raise ValueError(
                f"Agreement(items={self.items}) reads as many predictions; their shape is {seen['predictions'].shape}"
            )
        return _push(memory, seen["predictions"])

    def says(self, memory: Int[Array, "window+1 items"]) -> Bool[Array, ""]:
        return (memory[0] >= 0).all() & (cohen_kappa(memory[0], memory[-1]) >= self.kappa)


def cohen_kappa(a: Int[Array, "items"], b: Int[Array, "items"]) -> Float[Array, ""]:
    r"""Agreement of two label vectors past chance, :math:`(p_o - p_e)/(1 - p_e)`; 1 where both are one same class.

    Cite: cohen1960coefficient.
    """
    a, b = jnp.asarray(a), jnp.asarray(b)
    observed = (a == b).mean()
    by_chance = (a[:, None] == b[None]).mean()
    return jnp.where(by_chance < 1, (observed - by_chance) / jnp.where(by_chance < 1, 1 - by_chance, 1), 1.0)
