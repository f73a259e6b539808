"""One-line names for policies on arms whose rewards change, with time or with their pulls."""

import math

from altheory.beliefs import discounted, restarting, rising, windowed
from altheory.core import Scalar, score
from altheory.core.check import at_least
from altheory.policies.argmax import Argmax
from altheory.policies.combine import Epsilon
from altheory.scores import ti_ucb_index, ucb1_index, window_ucb_index


def sw_ucb(
    arms: int, window: int, *, xi: Scalar = 1.0, low: Scalar = 0.0, high: Scalar = 1.0, noise: Scalar | None = None
) -> Argmax:
    """Sliding-window UCB: what was paid in the last `window` rounds alone counts.

    Rewards in [`low`, `high`], or of sub-Gaussian scale `noise`. Cite: garivier2011upper.
    """
    belief = windowed(arms, window, low=low, high=high) if noise is None else windowed(arms, window, scale=noise)
    return Argmax(belief, score(window_ucb_index, xi=xi))


def discounted_ucb(
    arms: int, gamma: Scalar, *, scale: Scalar = 1.0, low: Scalar = 0.0, high: Scalar = 1.0, noise: Scalar | None = None
) -> Argmax:
    """Discounted UCB: UCB1's index on plays and rewards that fade by `gamma` a round. Cite: garivier2011upper."""
    belief = discounted(arms, gamma, low=low, high=high) if noise is None else discounted(arms, gamma, scale=noise)
    return Argmax(belief, score(ucb1_index, scale=scale))


def m_ucb(
    arms: int, window: int, horizon: int, *, eps: Scalar = 0.05, low: Scalar = 0.0, high: Scalar = 1.0
) -> Epsilon:
    r"""UCB1 that restarts where a change is detected, with a share `eps` of uniform play so that no change goes unseen.

    The threshold is :math:`(h - l)\sqrt{\frac w2\ln(2KT^2)}` for w = `window` and T = `horizon`: a false alarm has
    probability at most 1/T. A shift of :math:`2(h - l)\sqrt{2\ln(2KT^2)/w}` or more is seen. Uniform play stands for
    the paper's round robin. Cite: cao2019nearly.
    """
    at_least("m_ucb arms", arms, 1)
    at_least("m_ucb horizon", horizon, 1)
    at_least("m_ucb window", window, 2)
    threshold = (high - low) * math.sqrt(window / 2 * math.log(2 * arms * horizon**2))
    return Epsilon(Argmax(restarting(arms, window, threshold, low=low, high=high), ucb1_index), eps)


def ti_ucb(
    arms: int,
    window: int = 50,
    threshold: Scalar = 0.3,
    *,
    width: Scalar = 1.0,
    low: Scalar = 0.0,
    high: Scalar = 1.0,
    noise: Scalar | None = None,
) -> Argmax:
    """TI-UCB for arms that rise with their own pulls and then level off, such as models while they are tuned.

    Rewards in [`low`, `high`], or of sub-Gaussian scale `noise`; see `rising` for `window` and `threshold`. Its regret
    has no bound with constants. Cite: xia2024which.
    """
    if noise is None:
        belief = rising(arms, window, threshold, low=low, high=high)
    else:
        belief = rising(arms, window, threshold, scale=noise)
    return Argmax(belief, score(ti_ucb_index, width=width))
