"""The theorem on stopping once the best arm is known, whatever chose the pulls."""

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.beliefs import counts
from altheory.core import Menu, Score, score
from altheory.guarantees import observe
from altheory.guarantees.evidence import WithProbability
from altheory.guarantees.guarantee import Case, guarantee
from altheory.oracles import BernoulliBandit, GaussianBandit
from altheory.policies import Argmax, Epsilon, Until, best_arm_known, ucb1
from altheory.sim import Round

DELTA = 0.1


def ends_wrong(r: Round) -> Float[Array, ""]:
    """The metric that is 1 where the policy stops and the arm of the largest mean is not a best one."""
    value, belief = r.oracle.value(r.world), r.before.belief
    guess = jnp.argmax(belief.mean(r.menu))
    return (r.choice.stop & (value[guess] < value.max())).astype(value.dtype)


def ever_wrong(run: Any) -> np.ndarray:
    """Whether the first stop of each run was wrong, `[seeds, rounds]`: the belief does not change after it."""
    return np.asarray(run["ends_wrong"], np.float64)


def stops_once_known(policy: Any, oracle: Any) -> str | None:
    """The policy stops by the mixture's evidence, at the theorem's level and for the oracle's own noise."""
    rule = getattr(policy, "stop", None)
    if not isinstance(policy, Until) or not isinstance(rule, Score) or rule.fn is not best_arm_known().fn:
        return "the policy does not stop by `best_arm_known`"
    if float(rule.hyper["delta"]) > DELTA * (1 + 1e-6):
        return f"the rule's delta is {float(rule.hyper['delta']):g}, the theorem's {DELTA:g}"
    noise = 0.5 if getattr(oracle, "unit_rewards", False) else float(np.max(getattr(oracle, "sd", np.inf)))
    return None if float(rule.hyper["sigma"]) >= noise else "the rule's sigma is below the noise of the rewards"


def leader(belief: Any, menu: Menu, key: Any) -> Float[Array, "K"]:
    """The score of greed: unplayed arms first, then the largest mean."""
    return jnp.where(belief.count(menu) > 0, belief.mean(menu), jnp.inf)


def _cases(algorithm: Callable[[float], Score], trials: int) -> Iterator[Case]:
    normal = GaussianBandit(jnp.array([0.0, 0.0, 0.05]), sd=1.0)
    wide = counts(3, scale=1.0)
    policies = {
        "greedy, tiny gaps": (Epsilon(Argmax(wide, leader), 0.2), normal, 1.0),
        "ucb, coins": (ucb1(2), BernoulliBandit(jnp.array([0.5, 0.52])), 0.5),
    }
    for name, (inner, oracle, sigma) in policies.items():
        policy = Until(inner, algorithm(sigma))
        yield observe.simulated(policy, oracle, name, horizon=100, trials=trials, record=(ends_wrong,))


def _honest(sigma: float) -> Score:
    return best_arm_known(DELTA, sigma=sigma)


def _low_threshold(
    belief: Any, menu: Menu, scores: Float[Array, "K"], *, sigma: float = 1.0, delta: float = DELTA
) -> Array:
    """A mutant: a fixed-time threshold and no price for looking at all times."""
    n, m = belief.count(menu), belief.mean(menu)
    best = jnp.argmax(m)
    apart = n[best] * n / jnp.maximum(n[best] + n, 1) * (m[best] - m) ** 2 / (2 * sigma**2)
    rivals = jnp.where(jnp.arange(n.shape[0]) == best, jnp.inf, apart)
    return (n > 0).all() & (rivals.min() >= -0.4 * jnp.log(delta))


@guarantee(
    "Whatever chooses the pulls, P(the run stops and names a wrong arm) <= delta",
    id="mixture-glr-stop",
    family="stopping",
    latex=r"P(\tau<\infty,\ \hat a_\tau\ne a^\star) \le \delta",
    cite="kaufmann2021mixture",
    note="proofs_notes/mixture-glr-stop.md",
    bounds=WithProbability(ever_wrong, DELTA),
    assumes=[stops_once_known],
    algorithm=_honest,
    cases=_cases,
    mutants={
        "0.4 ln(1/delta), no mixture": lambda sigma: score(_low_threshold, sigma=sigma),
        "a tenth of the noise": lambda sigma: best_arm_known(DELTA, sigma=sigma / 10),
    },
    trials=200,
    mutant_trials=100,
)
def mixture_glr_stop(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    """0 for the indicator of having stopped wrong: it is exceeded in at most a tenth of runs.

    Cite: kaufmann2021mixture.
    """
    return np.zeros(np.shape(t))
