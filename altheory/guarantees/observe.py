"""What theorems are about: statistics of a run, and assumptions on a policy and an oracle."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.beliefs import BetaBernoulli, Counts, Linear
from altheory.core import Score
from altheory.guarantees.guarantee import Case
from altheory.oracles import BayesBernoulliBandit
from altheory.policies import Argmax, Budgeted, never
from altheory.scores import thompson, ucb1_index
from altheory.sim import Round, study
from altheory.sim.blocks import block_size
from altheory.sim.metrics import Metric


def as_array(run: Any) -> np.ndarray:
    """The run itself: what was observed on one instance, or `[trials, ...]`."""
    return np.asarray(run, np.float64)


def cumulative_regret(run: Any) -> np.ndarray:
    """Regret summed over rounds, `[seeds, rounds]`."""
    return np.cumsum(np.asarray(run["regret"], np.float64), -1)


def cumulative_cost(run: Any) -> np.ndarray:
    """Money spent so far, `[seeds, rounds]`."""
    return np.cumsum(np.asarray(run["cost"], np.float64), -1)


def cumulative_potential(run: Any) -> np.ndarray:
    """The elliptical potential summed over rounds, `[seeds, rounds]`."""
    return np.cumsum(np.asarray(run["potential"], np.float64), -1)


def potential(r: Round) -> Float[Array, ""]:
    r"""The metric :math:`\min(1, \|x_t/\sigma_t\|^2_{P_{t-1}^{-1}})` of the item chosen, before it is learned from."""
    belief, item = r.before.belief, r.choice.item
    sd = jnp.where(r.menu.noise[item] > 0, r.menu.noise[item], belief.noise)
    return jnp.where(r.choice.valid, jnp.minimum(1.0, (belief.std(r.menu)[item] / sd) ** 2), 0.0)


def simulated(policy: Any, oracle: Any, name: str, *, horizon: int, trials: int, record: tuple[Metric, ...]) -> Case:
    """A case that is a study of one policy, on seeds of its own."""
    key = jax.random.fold_in(jax.random.key(0), sum(map(ord, name)))
    block = min(trials, block_size(policy, oracle))
    result = study({name: policy}, oracle, key, horizon=horizon, seeds=trials, record=record, block=block)
    return Case(name, (policy, oracle), result.data.sel(policy=name), result.data["round"].values)


def rewards_in_unit_interval(policy: Any, oracle: Any) -> str | None:
    """Every reward lies in [0, 1]."""
    low, high = getattr(oracle, "reward_range", (-np.inf, np.inf))
    if low >= 0 and high <= 1:
        return None
    return f"{type(oracle).__name__} may pay outside [0, 1]"


def fixed_means(policy: Any, oracle: Any) -> str | None:
    """The arms' means are the same in every run."""
    if hasattr(oracle, "means") and np.ndim(oracle.means) == 1:
        return None
    return f"{type(oracle).__name__} has no fixed means of arms"


def plays_ucb1(policy: Any, oracle: Any) -> str | None:
    """The policy is UCB1 with its own bonus."""
    if not isinstance(policy, Argmax) or not isinstance(policy.belief, Counts) or not _scores_by(policy, ucb1_index):
        return "the policy is not UCB1"
    scale = float(policy.score.hyper["scale"]) * 2 * float(policy.belief.scale)  # type: ignore[attr-defined]
    return None if scale == 1 else f"UCB1's bonus is scaled by {scale:g} where the theorem has 1"


def plays_thompson_bernoulli(policy: Any, oracle: Any) -> str | None:
    """The policy is Thompson sampling with a Beta-Bernoulli belief."""
    plays = isinstance(policy, Argmax) and isinstance(policy.belief, BetaBernoulli) and _scores_by(policy, thompson)
    return None if plays else "the policy is not Thompson sampling on Bernoulli arms"


def prior_is_right(policy: Any, oracle: Any) -> str | None:
    """The oracle draws its arms from the prior that the policy believes in."""
    if not isinstance(oracle, BayesBernoulliBandit):
        return f"{type(oracle).__name__} does not draw its means from a prior"
    belief = getattr(policy, "belief", None)
    if not isinstance(belief, BetaBernoulli):
        return "the policy has no Beta prior"
    same = np.allclose(belief.a, oracle.a) and np.allclose(belief.b, oracle.b)
    return None if same else f"the policy's prior is not Beta({float(oracle.a):g}, {float(oracle.b):g})"


def linear_belief(policy: Any, oracle: Any) -> str | None:
    """The policy learns by Bayesian linear regression."""
    return None if isinstance(getattr(policy, "belief", None), Linear) else "the policy has no linear belief"


def bounded_features(policy: Any, oracle: Any) -> str | None:
    """The oracle states the largest length of its feature vectors."""
    return None if hasattr(oracle, "feature_norm") else f"{type(oracle).__name__} states no bound on its features"


def is_budgeted(policy: Any, oracle: Any) -> str | None:
    """The policy is wrapped in `Budgeted`."""
    return None if isinstance(policy, Budgeted) else "the policy has no budget"


def costs_at_most_price(policy: Any, oracle: Any) -> str | None:
    """No outcome costs more than its menu price."""
    if getattr(oracle, "costs_at_most_price", False):
        return None
    return f"{type(oracle).__name__} may charge more than the menu says"


def _scores_by(policy: Argmax, fn: Any) -> bool:
    return isinstance(policy.score, Score) and policy.score.fn is fn


def never_stops(policy: Any, oracle: Any) -> str | None:
    """The policy plays every round."""
    stop = getattr(policy, "stop", None)
    return None if isinstance(stop, Score) and stop.fn is never else "the policy may stop early"
