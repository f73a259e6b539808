"""The best arm of a linear bandit with confidence: play what tells the arms apart that may still be best."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num

from altheory.core import leaf, record
from altheory.core.arrays import singles
from altheory.core.check import between, matrix, positive
from altheory.policies.elimination import Phase, finish, rounded, select, start, update
from altheory.policies.span import difference_design, span_coordinates


@record
class Rage:
    r"""RAGE: the best arm of a linear bandit with probability 1 - `delta`, by designs of the differences that matter.

    `x [K, d]` are the arms' features, mean rewards :math:`x_k^\top\theta`, noise `sd`-sub-Gaussian. Phase
    :math:`\ell`, with :math:`\varepsilon = 2^{-\ell}`, finds a design :math:`\pi` on all arms that makes
    :math:`\rho = \max\|x_i-x_j\|^2_{V(\pi)^{-1}}` over active arms small, plays arm a
    :math:`\lceil\frac{2\sigma^2\rho\pi(a)}{\varepsilon^2}\log\frac{K(K-1)\ell(\ell+1)}\delta\rceil` times, fits least
    squares to this phase alone, and keeps the arms within :math:`\varepsilon` of the best estimate. Where one is left,
    it is `state.best` and the run stops. Closed arms are not played, and it stops where all that are due are closed.
    `prob` of its choices is 1: they are no data for off-policy estimates.

    A round costs O(K), the last of a phase a few tens of O(K^2 d + d^3), see `difference_design`. Guarantee: `rage`.
    Raises `ValueError` where `x` is no finite matrix, `delta` not between 0 and 1, or `sd` not above 0. Cite:
    fiez2019sequential.
    """

    x: Num[Array | np.ndarray, "K d"] = leaf(converter=singles)
    delta: float | Float[Array, ""] = 0.05
    sd: float | Float[Array, ""] = 1.0

    init, select, update, ended = start, select, update, finish

    def __check__(self) -> None:
        matrix("Rage x", self.x)
        between("Rage delta", self.delta, 0, 1)
        positive("Rage sd", self.sd)

    def frame(self, active: Bool[Array, "K"]) -> tuple[Float[Array, "K d"], Bool[Array, "d"]]:
        """Coordinates in the span of all arms: any may be played to tell two active ones apart."""
        return span_coordinates(jnp.asarray(self.x), jnp.ones_like(active))

    def designed(
        self, z: Float[Array, "K d"], inside: Bool[Array, "d"], active: Bool[Array, "K"]
    ) -> tuple[Float[Array, "K"], Float[Array, ""]]:
        r"""The design of a phase, and its :math:`\rho`: 0 where one arm is left."""
        return difference_design(z, inside, active)

    def width(self, number: Int[Array, ""]) -> Float[Array, ""]:
        r""":math:`\varepsilon_\ell = 2^{-\ell}`."""
        return jnp.exp2(-number.astype(self.x.dtype))

    def pulls(self, number: Int[Array, ""], weights: Float[Array, "K"], worst: Float[Array, ""]) -> Int[Array, "K"]:
        """The pulls of each arm in a phase."""
        phase, arms = number.astype(self.x.dtype), weights.shape[0]
        log = jnp.log(arms * max(arms - 1, 1) * phase * (phase + 1) / self.delta)
        return rounded(2 * jnp.asarray(self.sd) ** 2 * worst * weights / self.width(number) ** 2 * log)

    def keeps(self, state: Phase, estimate: Float[Array, "K"]) -> Bool[Array, "K"]:
        """Arms within the width of the best estimate."""
        best = jnp.where(state.active, estimate, -jnp.inf).max()
        return best - estimate <= self.width(state.number)
