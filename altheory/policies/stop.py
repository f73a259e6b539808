"""Stop rules: `(belief, menu, scores) -> bool`, asked before anything is bought in a round."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.core import Menu, Scalar, Score, needs, score
from altheory.core.check import positive, within
from altheory.policies.pick import worth
from altheory.stopping import mixture_glr
from altheory.stopping.rule import number


def never(belief: Any, menu: Menu, scores: Float[Array, "K"]) -> Bool[Array, ""]:
    """Go on as long as anything is open."""
    return jnp.bool_(False)


def below(threshold: Scalar) -> Score:
    """Stop once no open item's score exceeds `threshold`."""
    return score(_below, threshold=threshold)


def weitzman_stop(belief: Any, menu: Menu, scores: Float[Array, "K"]) -> Bool[Array, ""]:
    """Stop once the best in hand is at least every open item's score: Weitzman's rule where the score is `reservation`.

    Needs a belief with `best`. Cite: weitzman1979optimal.
    """
    return worth(scores, menu.open).max() <= belief.best


def _below(belief: Any, menu: Menu, scores: Float[Array, "K"], *, threshold: Scalar) -> Bool[Array, ""]:
    return worth(scores, menu.open).max() <= threshold


def outpriced(stake: Scalar = 1.0) -> Score:
    r"""Stop once no open item is worth its own price: :math:`M s_k \le p_k` for every open k, with `stake` M.

    The score is the expected gain from buying item k, such as `error_reduction_score`; prices are the menu's, so a
    long prompt to a dear model has to earn more than a short one to a cheap model (`token_price`). Optimal where gains
    do not grow along the run (`al-stop-monotone`). Cite: chow1971great.
    """
    positive("outpriced stake", stake)
    return score(_outpriced, stake=number(stake))


def _outpriced(belief: Any, menu: Menu, scores: Float[Array, "K"], *, stake: Scalar) -> Bool[Array, ""]:
    gain = worth(scores, menu.open)
    return (stake * gain <= menu.price).all()


def best_arm_known(delta: Scalar = 0.05, *, sigma: Scalar = 0.5, rho: Scalar = 1.0) -> Score:
    r"""Stop once the arm of the largest mean is the best with probability 1 - `delta`, whatever chose the pulls.

    `mixture_glr` of the belief's counts and means is at least :math:`\ln((K-1)/\delta)`. Rewards are
    `sigma`-sub-Gaussian, 1/2 where they lie in [0, 1]; `rho` is chosen beforehand. Cite: kaufmann2021mixture.
    """
    within("best_arm_known delta", delta, 0, 1)
    positive("best_arm_known sigma", sigma)
    positive("best_arm_known rho", rho)
    return score(_best_arm_known, delta=number(delta), sigma=number(sigma), rho=number(rho))


@needs("count", "mean")
def _best_arm_known(
    belief: Any, menu: Menu, scores: Float[Array, "K"], *, delta: Scalar, sigma: Scalar, rho: Scalar
) -> Bool[Array, ""]:
    evidence = mixture_glr(belief.count(menu), belief.mean(menu), sigma=sigma, rho=rho)
    return evidence >= jnp.log(menu.open.shape[0] - 1) - jnp.log(delta)
