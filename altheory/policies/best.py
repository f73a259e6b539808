"""Which one to buy: the best of several candidates, each looked at as often as it pays."""

from typing import Any

import numpy as np

from altheory.beliefs import counts, gaussian_arms
from altheory.core import Scalar, score
from altheory.core.check import finite, one_length, positive
from altheory.policies.argmax import Argmax
from altheory.policies.combine import Batched
from altheory.policies.stop import below, best_arm_known
from altheory.scores import inspection_score, inspection_table, lucb_score, tracking_score
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


def lucb(arms: int, *, delta: Scalar = 0.05, sigma: Scalar = 0.5, rho: Scalar = 1.0) -> Batched:
    """LUCB: pull the leader and its likeliest rival until the leader is the best with probability 1 - `delta`.

    Rewards are `sigma`-sub-Gaussian. The stop is `best_arm_known`, which holds for any sampling rule; the arm is then
    that of the largest mean. A pair of pulls a round. Cite: kalyanakrishnan2012pac, kaufmann2021mixture.
    """
    stop = best_arm_known(delta, sigma=sigma, rho=rho)
    return Batched(Argmax(counts(arms), score(lucb_score, delta=delta, sigma=sigma), stop), min(2, arms))


def track_and_stop(arms: int, *, delta: Scalar = 0.05, sd: Scalar | None = None, rho: Scalar = 1.0) -> Argmax:
    r"""Track-and-Stop: pulls in the shares that tell the best arm soonest, until it is known with 1 - `delta`.

    Rewards are 0 or 1, or Gaussian of standard deviation `sd`. :math:`E\tau/\ln(1/\delta)` tends to the characteristic
    time as `delta` tends to 0 for the best stop; this one is `best_arm_known`, valid for any sampling rule and
    a little later. Cite: garivier2016optimal, kaufmann2021mixture.
    """
    sigma = 0.5 if sd is None else sd
    index = score(tracking_score) if sd is None else score(tracking_score, sd=1.0 * sd)
    tally = counts(arms, low=0.0, high=1.0) if sd is None else counts(arms)
    return Argmax(tally, index, best_arm_known(delta, sigma=sigma, rho=rho))
