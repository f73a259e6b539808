"""Which one to buy: the best of several candidates, each looked at as often as it pays."""

from typing import Any

import numpy as np

from altheory.beliefs import gaussian_arms
from altheory.core import Scalar, score
from altheory.core.check import finite, one_length, positive
from altheory.policies.argmax import Argmax
from altheory.policies.stop import below
from altheory.scores import inspection_score, inspection_table
from altheory.stopping.rule import number


def best_of(
    price: Any,
    *,
    mean: Scalar = 0.0,
    prior: float = 1.0,
    noise: float = 1.0,
    outside: Scalar = -1e30,
    stake: float = 1.0,
) -> Argmax:
    r"""Buy noisy looks at candidates until the best is worth taking: the best model, prompt, annotator, configuration.

    A look at candidate k costs `price[k]` in money and shows its quality with standard deviation `noise`; qualities are
    a priori N(`mean`, 1/`prior`); a unit of the chosen one's quality is worth `stake` in money (uses times what each
    earns); `outside` is the quality one has anyway. A look at a candidate pays while its posterior mean is nearer than
    the bound of `inspection_boundary` to its best rival's; the one furthest inside is looked at, and the search stops
    once none is. Then take the largest posterior mean, or what is `outside`.

    Optimal for one candidate against `outside`. For several it is a heuristic: a candidate may be taken without a look,
    which is not Pandora's problem. Where a look tells all, and is obligatory, use `pandora`.
    Raises `ValueError` where a price, `prior`, `noise` or `stake` is not above 0. Cite: chick2012sequential.
    """
    price = np.atleast_1d(np.asarray(price, np.float64))
    one_length("best_of price", price, max(price.size, 1))
    for name, value in (("price", price), ("prior", prior), ("noise", noise), ("stake", stake)):
        positive(f"best_of {name}", value)
    finite("best_of outside", outside)
    looks = float(prior) * float(noise) ** 2
    table = inspection_table(price / (float(stake) * float(noise)), prior=looks)
    index = score(
        inspection_score, index=table.astype("float32"), prior=looks, noise=float(noise), outside=number(outside)
    )
    return Argmax(gaussian_arms(price.size, mean=mean, prior=prior, noise=noise), index, below(0.0))
