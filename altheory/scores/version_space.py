"""Scores of disagreement, bisection and expected risk, and chances of asking in a stream."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core import Key, Menu, Scalar, needs
from altheory.core.check import nonnegative
from altheory.scores.inputs import as_floats, raise_if_nan, sum_rows

Masses = Float[Array, "... classes"] | Float[np.ndarray, "... classes"]


def removed_mass(masses: Masses) -> Float[Array, "..."]:
    r"""The mass of hypotheses a noiseless label is expected to rule out: :math:`P - \sum_c p_c^2/P`, P their sum.

    `masses [..., classes]` holds the mass of the hypotheses that give each class, not normalised: the answer, drawn
    from them, keeps one class's. It is the criterion of generalised binary search; unnormalised it never grows as
    hypotheses are ruled out. Memory: the scores. Raises `ValueError` on NaN or a mass below 0.
    Cite: golovin2011adaptive.
    """
    p = as_floats("masses", masses, axes="... classes")
    nonnegative("masses", p)
    removed = _removed(p)
    raise_if_nan("masses", masses, removed)
    return removed


@jax.jit
def _removed(p: Float[Array, "... classes"]) -> Float[Array, "..."]:
    total = sum_rows(p)
    share = p / jnp.where(total > 0, total, 1)[..., None]
    return jnp.maximum(sum_rows(p * (1 - share)), 0)


@needs("probs")
def removed_mass_score(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    """The share of the version space a label is expected to rule out: `removed_mass(belief.probs(menu))`.

    Within a round it ranks as the unnormalised mass does. Over a `Finite` belief its `Argmax` is generalised binary
    search. Cite: dasgupta2004analysis.
    """
    return removed_mass(belief.probs(menu))


@needs("disagrees")
def disagreement(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    """1 where hypotheses that agree with all labels so far disagree on an item, else 0: the rule of CAL.

    Cite: cohn1994improving.
    """
    return belief.disagrees(menu).astype(menu.price.dtype)


@needs("decision")
def margin_chance(belief: Any, menu: Menu, key: Key, *, b: Scalar = 1.0) -> Float[Array, "K"]:
    r"""The chance :math:`b/(b + |m_k|)` of asking about an item with the signed margin :math:`m_k`.

    For `SelectiveSampling` with a `perceptron`. Cite: cesabianchi2006worst.
    """
    return b / (b + jnp.abs(belief.decision(menu)))


@needs("risk", "risk_after")
def risk_reduction_score(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    """By how much a label is expected to lower the pool's risk: `belief.risk() - belief.risk_after(menu)`.

    Over a `Harmonic` belief this is active learning by expected risk minimisation on a Gaussian field.
    Cite: zhu2003combining.
    """
    return belief.risk() - belief.risk_after(menu)
