"""Labels weighed by the confidence that came with them."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Choice, Key, Menu, Outcome, Scalar, record
from altheory.core.check import within


@record
class Trusting:
    r"""Learn each label with an error rate of its own, read off the confidence that came with it.

    The row a belief learns from has the noise :math:`(1-t)\,\epsilon_k + t\,(1-c)`, with :math:`c` the outcome's
    `confidence`, :math:`\epsilon_k` the menu's error rate and :math:`t` = `trust`; where no confidence was stated
    (:math:`c = 1`) it stays :math:`\epsilon_k`. With calibrated confidence and wrong classes equally likely, `trust=1`
    is Bayes' rule: the odds of a label are the odds of its confidence. Choices are the inner policy's.

    For beliefs over classes that read the row's error rate, such as `logistic`; `TypeError` for one without classes,
    `ValueError` where `trust` is outside [0, 1].
    """

    inner: Any
    trust: float | Float[Array, ""] = 1.0

    def __check__(self) -> None:
        within("Trusting trust", self.trust, 0, 1)
        belief = _belief(self.inner)
        if not hasattr(belief, "classes"):
            raise TypeError(
                "Trusting reads confidence as the chance that a label is right; the belief "
                f"{type(belief).__name__} has no classes: give outcomes of another kind their own `noise` in the menu"
            )

    def init(self, key: Key) -> Any:
        return self.inner.init(key)

    def select(self, state: Any, menu: Menu, key: Key) -> Choice:
        return self.inner.select(state, menu, key)

    def update(self, state: Any, menu: Menu, choice: Choice, outcome: Outcome) -> Any:
        told = doubted(menu.noise[choice.item], jnp.asarray(outcome.confidence, menu.noise.dtype), self.trust)
        bought = jnp.where(choice.valid, choice.item, menu.noise.shape[0])
        noise = menu.noise.at[bought].set(told, mode="drop")
        return self.inner.update(state, Menu(menu.x, menu.price, noise, menu.open), choice, outcome)


def doubted(noise: Array, confidence: Array, trust: Scalar) -> Array:
    """A label's error rate from its source's and its own confidence; a confidence of 1, or NaN, was not stated."""
    stated = confidence < 1
    return jnp.where(stated, noise + jnp.asarray(trust, noise.dtype) * (1 - confidence - noise), noise)


def _belief(policy: Any) -> Any:
    while hasattr(policy, "inner"):
        policy = policy.inner
    return getattr(policy, "belief", None)
