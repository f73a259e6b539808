"""One-line names for policies on a fixed number of arms."""

from altheory.beliefs import beta_bernoulli, contenders, counts, gaussian_arms, moments
from altheory.core import Scalar, score
from altheory.core.check import at_least, between, positive
from altheory.policies.argmax import Argmax
from altheory.policies.combine import Budgeted, Epsilon
from altheory.policies.named import ucb1
from altheory.policies.schedule import EpsilonDecay
from altheory.scores import (
    bayes_ucb_index,
    bernoulli_finite_gittins,
    bernoulli_gittins,
    contender_score,
    explore_first,
    finite_gittins_score,
    gaussian_gittins,
    gaussian_gittins_score,
    gittins_score,
    kl_ucb_index,
    moss_index,
    per_dollar,
    thompson,
    ucb1_index,
    ucb_v_index,
)


def kl_ucb(arms: int, *, low: Scalar = 0.0, high: Scalar = 1.0) -> Argmax:
    """KL-UCB on `arms` arms with rewards in [`low`, `high`]. Cite: garivier2011kl."""
    return Argmax(counts(arms, low=low, high=high), kl_ucb_index)


def ucb_v(arms: int, *, zeta: Scalar = 1.2, c: Scalar = 1.0, low: Scalar = 0.0, high: Scalar = 1.0) -> Argmax:
    """UCB-V on `arms` arms with rewards in [`low`, `high`]: explores by empirical variance.

    Cite: audibert2009exploration.
    """
    return Argmax(moments(arms, low=low, high=high), score(ucb_v_index, zeta=zeta, c=c))


def moss(arms: int, horizon: Scalar, *, low: Scalar = 0.0, high: Scalar = 1.0, noise: Scalar | None = None) -> Argmax:
    """MOSS for `horizon` rounds on `arms` arms with rewards in [`low`, `high`], or of sub-Gaussian scale `noise`.

    Cite: audibert2009minimax.
    """
    positive("moss horizon", 1.0 * horizon)
    belief = counts(arms, low=low, high=high) if noise is None else counts(arms, scale=noise)
    return Argmax(belief, score(moss_index, horizon=1.0 * horizon))


def bayes_ucb(arms: int, *, a: Scalar = 1.0, b: Scalar = 1.0, low: Scalar = 0.0, high: Scalar = 1.0) -> Argmax:
    """Bayes-UCB on `arms` arms under Beta(a, b) priors, rewards in [`low`, `high`]. Cite: kaufmann2012bayesian."""
    return Argmax(beta_bernoulli(arms, a=a, b=b, low=low, high=high), bayes_ucb_index)


def budgeted_ucb(arms: int, budget: Scalar, *, low: Scalar = 0.0, high: Scalar = 1.0) -> Budgeted:
    """UCB1 per money on `arms` arms of known prices, within `budget`. Cite: tranthanh2012knapsack."""
    return Budgeted(Argmax(counts(arms, low=low, high=high), per_dollar(ucb1_index)), 1.0 * budget)


def gittins_bernoulli(arms: int, discount: float, *, limit: int = 200) -> Argmax:
    r"""The optimal policy of `arms` Bernoulli arms, Beta(1, 1) priors, for the discounted sum :math:`\sum_t\beta^ty_t`.

    The table is computed once, here, to a + b = `limit`; see `gittins_score` for what lies beyond. Rewards are 0 or 1.
    Raises `ValueError` where the discount is not in (0, 1) or the limit below 2. Cite: gittins2011multi.
    """
    table = bernoulli_gittins(limit, discount)
    return Argmax(beta_bernoulli(arms), score(gittins_score, index=table.index.astype("float32")))


def thompson_gaussian(arms: int, *, mean: Scalar = 0.0, prior: Scalar = 1.0, noise: Scalar = 1.0) -> Argmax:
    """Thompson sampling on `arms` arms with rewards of standard deviation `noise` and N(`mean`, 1/`prior`) priors.

    Cite: thompson1933likelihood, russo2018tutorial.
    """
    return Argmax(gaussian_arms(arms, mean=mean, prior=prior, noise=noise), thompson)


def explore_then_commit(arms: int, pulls: int) -> Argmax:
    """Play every arm `pulls` times, in random order, and then for ever the one of the best mean.

    Ties go on being broken at random; an arm that opens later is explored then. Cite: lattimore2020bandit.
    """
    at_least("explore_then_commit pulls", pulls, 1)
    return Argmax(counts(arms, most=1.0 * pulls), score(explore_first, pulls=1.0 * pulls))


def epsilon_greedy(arms: int, *, eps: Scalar = 0.1) -> Epsilon:
    """Each arm once, then the best mean so far, but with probability `eps` any arm. Cite: auer2002finite."""
    return Epsilon(ucb1(arms, scale=0.0), eps)


def epsilon_decreasing(arms: int, gap: Scalar, *, c: Scalar = 5.0) -> EpsilonDecay:
    r"""Greedy, with :math:`\epsilon_t = \min(1, cK/(d^2t))` where d = `gap` is at most every arm's gap.

    Rewards in [0, 1]. Cite: auer2002finite.
    """
    between("epsilon_decreasing gap", gap, 0, float("inf"))
    return EpsilonDecay(ucb1(arms, scale=0.0), c * arms / gap**2)


def successive_elimination(arms: int, *, delta: Scalar = 0.05, low: Scalar = 0.0, high: Scalar = 1.0) -> Argmax:
    """Play in turn the arms that may still be best, with probability 1 - `delta`; rewards in [`low`, `high`].

    Cite: evendar2006action.
    """
    return Argmax(contenders(arms, delta=delta, low=low, high=high), contender_score)


def gittins_gaussian(
    arms: int,
    discount: float,
    *,
    mean: Scalar = 0.0,
    prior: float = 1.0,
    noise: float = 1.0,
    limit: int = 200,
    batch: int = 1,
) -> Argmax:
    r"""The optimal policy of `arms` Gaussian arms for the discounted sum :math:`\sum_t\beta^ty_t`.

    Means are a priori N(`mean`, 1/`prior`), pulls lie `noise` about them; where each choice is for `batch` pulls, give
    the mean of these as the outcome, and a row's `noise` as that of a mean. The table is computed once, here, to
    `limit` choices of an arm; see `gaussian_gittins_score` for what lies beyond. Raises `ValueError` where the discount
    is not in (0, 1) or a size is below its least. Cite: gittins2011multi.
    """
    positive("gittins_gaussian prior", prior)
    positive("gittins_gaussian noise", noise)
    worth = float(prior) * float(noise) ** 2
    table = gaussian_gittins(limit, discount, prior=worth, batch=batch)
    spread = float(noise) * batch**-0.5
    index = score(
        gaussian_gittins_score,
        index=(table.index * batch**0.5).astype("float32"),
        prior=worth / batch,
        noise=spread,
    )
    return Argmax(gaussian_arms(arms, mean=mean, prior=prior, noise=spread), index)


def gittins_finite(arms: int, horizon: int) -> Argmax:
    """The finite-horizon index of `arms` Bernoulli arms, Beta(1, 1) priors, for the sum of `horizon` rewards of 0 or 1.

    Optimal for one unknown arm beside known ones, and close to optimal for several. Its table takes 8 horizon^3 bytes.
    Raises `ValueError` where the horizon is below 1. Cite: kaufmann2018bayesian.
    """
    table = bernoulli_finite_gittins(horizon)
    return Argmax(beta_bernoulli(arms), score(finite_gittins_score, index=table.astype("float32")))
