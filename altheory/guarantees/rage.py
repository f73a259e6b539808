"""The theorem on the best arm of a linear bandit by designs of differences."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.core import record
from altheory.designs import xy_optimal
from altheory.guarantees.evidence import WithProbability
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.oracles import LinearBandit
from altheory.policies.elimination import Phase
from altheory.policies.rage import Rage
from altheory.policies.span import GAP
from altheory.sim import Round, labels, study

DELTA = 0.1


def rage_on_its_arms(policy: Any, oracle: Any) -> str | None:
    """The policy is RAGE, on the oracle's own arms and with noise at least as large, at the theorem's level."""
    if not isinstance(policy, Rage):
        return "the policy is not RAGE"
    if not isinstance(oracle, LinearBandit) or not np.array_equal(policy.x, oracle.x):
        return "the oracle does not offer the arms that the policy knows"
    if float(policy.delta) > DELTA * (1 + 1e-6) or float(np.max(oracle.sd)) > float(policy.sd) * (1 + 1e-6):
        return "the policy's delta is above the theorem's, or its sd below the oracle's"
    return None if _gaps(oracle)[1] > 0 else "two arms are best"


def _gaps(oracle: LinearBandit) -> np.ndarray:
    """How far each arm is below the best, sorted; two entries at least."""
    value = np.asarray(oracle.x, np.float64) @ np.asarray(oracle.theta, np.float64)
    return np.sort(np.append(value.max() - value, np.inf))


def astray(r: Round) -> Float[Array, ""]:
    """The metric that is 1 where the arm left is not the best."""
    value = r.oracle.value(r.world)
    return (r.state.active.sum() == 1) * (value[r.state.best] < value.max()) * 1.0


def _pulls(policy: Any, oracle: LinearBandit, horizon: int, trials: int) -> np.ndarray:
    """Pulls until it stopped on the best arm, run by run; infinite where it stopped on another, or not at all."""
    key = jax.random.key(0)
    found = study({"p": policy}, oracle, key, horizon=horizon, seeds=trials, record=(labels, astray))
    found.raise_for_status()
    pulls = found.data["labels"].sum("round").values[0]
    wrong = found.data["astray"].isel(round=-1).values[0] > 0
    return np.where(wrong | (pulls >= horizon), np.inf, pulls)


def _soare(angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Unit arms in four dimensions and one near the best: what tells the two apart is not the two."""
    x = np.concatenate([np.eye(4), [[math.cos(angle), math.sin(angle), 0.0, 0.0]]]).astype(np.float32)
    return x, np.array([2.0, 0.0, 0.0, 0.0], np.float32)


def _cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    circle = np.linspace(0, 2 * np.pi, 9)[:-1]
    round_ = np.stack([np.cos(circle), np.sin(circle)], 1).astype(np.float32)
    pools = {
        "an arm near the best": (*_soare(0.3), 0.3),
        "on a circle": (round_, np.array([0.6, 0.1], np.float32), 0.5),
    }
    for name, (x, theta, sd) in pools.items():
        oracle, honest = LinearBandit(jnp.asarray(x), jnp.asarray(theta), sd), Rage(x, DELTA, sd)
        horizon = math.ceil(1.2 * rage_pulls.bound(honest, oracle))
        yield Case(name, (honest, oracle), _pulls(algorithm(x, DELTA, sd), oracle, horizon, trials))


@record
class _Hasty(Rage):
    """A mutant: one pull of each arm, of which the best estimate is kept."""

    def pulls(self, number: Int[Array, ""], weights: Float[Array, "K"], worst: Float[Array, ""]) -> Int[Array, "K"]:
        return jnp.minimum(Rage.pulls(self, number, weights, worst), 1)

    def keeps(self, state: Phase, estimate: Float[Array, "K"]) -> Array:
        return estimate >= jnp.where(state.active, estimate, -jnp.inf).max()


@record
class _Uniform(Rage):
    """A mutant: every arm as often, as long as that takes."""

    def designed(
        self, z: Float[Array, "K d"], inside: Bool[Array, "d"], active: Bool[Array, "K"]
    ) -> tuple[Float[Array, "K"], Float[Array, ""]]:
        worst = Rage.designed(self, z, inside, active)[1]
        return jnp.ones(active.shape), worst


@guarantee(
    "With probability 1 - delta RAGE stops on the best arm, after at most the pulls that designs of differences need",
    id="rage",
    family="designs",
    latex=r"\tau \le \sum_{\ell:\,2^{2-\ell}\ge\Delta_{\min}}2\sigma^2(1+\eta)\rho^\star(S_\ell)4^\ell"
    r"\ln\frac{K(K-1)\ell(\ell+1)}\delta + K,\quad S_\ell = \{\Delta\le2^{2-\ell}\}",
    cite="fiez2019sequential",
    note="proofs_notes/rage.md",
    bounds=WithProbability(as_array, DELTA),
    assumes=[rage_on_its_arms],
    algorithm=Rage,
    cases=_cases,
    mutants={"one pull of each arm": _Hasty, "every arm as often": _Uniform},
    trials=60,
)
def rage_pulls(policy: Any, oracle: Any) -> float:
    """The most pulls until RAGE stops on the best arm, with probability 1 - δ; designs are within 5 % of the best.

    Cite: fiez2019sequential.
    """
    x, theta = (np.asarray(a, np.float64) for a in (oracle.x, oracle.theta))
    short, arms = (x @ theta).max() - x @ theta, len(x)
    least, total, phase = float(_gaps(oracle)[1]), 0.0, 0
    if arms == 1:
        return 0.0
    while phase == 0 or 2.0 ** (1 - phase) >= least:
        phase += 1
        near = np.flatnonzero(short <= (np.inf if phase == 1 else 2.0 ** (2 - phase)))
        first, second = np.triu_indices(len(near), 1)
        rho = xy_optimal(x, x[near[first]] - x[near[second]], tol=1e-3).value * (1 + GAP)
        log = math.log(arms * (arms - 1) * phase * (phase + 1) / float(policy.delta))
        total += 2 * float(policy.sd) ** 2 * rho * 4.0**phase * log + arms
    return total
