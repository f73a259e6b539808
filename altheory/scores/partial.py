"""What a label would tell once some missing features are known, and others are not."""

from typing import Any

import numpy as np
from jaxtyping import Array, Float

from altheory.core import Key, Menu, needs
from altheory.scores.information import bald
from altheory.scores.inputs import as_floats


def partial_bald(
    probs: Float[Array, "draws outer inner items classes"] | Float[np.ndarray, "draws outer inner items classes"],
) -> Float[Array, "items"]:
    r"""Expected information about the parameters in a label bought with features, in nats.

    :math:`E_{x_s}\,I\bigl(\theta; y \mid x_o, x_s\bigr)` with :math:`p(y\mid x_o,x_s,\theta)` averaged over features
    that stay unknown. `probs` is `[draws, outer, inner, items, classes]`: for each draw of the parameters, of the
    features to be bought (`outer`), and of those left (`inner`). With one `inner` draw all features are bought; with
    one `outer` draw none are. At least 0. Memory: twice the input over `inner`. Raises `ValueError` as `bald` does.
    Cite: astorga2024poca.
    """
    p = as_floats("probs", probs, axes="draws outer inner items classes")
    return _over_outer(p.mean(2))


@needs("partial")
def partial_bald_score(belief: Any, menu: Menu, key: Key, *, draws: int = 32) -> Float[Array, "K"]:
    """`partial_bald` of what a belief on incomplete items says of each item and option, in nats.

    Per unit of money: `per_dollar(partial_bald_score)`, the rule of POCA. Cite: astorga2024poca.
    """
    return _over_outer(belief.partial(menu, key, draws).mean(2))


def _over_outer(p: Float[Array, "draws outer items classes"]) -> Float[Array, "items"]:
    return bald(p.reshape(p.shape[0], -1, p.shape[-1])).reshape(p.shape[1:3]).mean(0)
