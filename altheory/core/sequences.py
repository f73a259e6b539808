"""Confidence sequences: intervals that hold at all times at once, so that one may stop whenever one likes."""

import jax.numpy as jnp
from jax.scipy.special import betaln, xlog1py, xlogy
from jaxtyping import Array, Float

from altheory.core.types import Scalar

Numbers = Float[Array, "*n"]


def log_bernoulli_mixture(
    hits: Numbers | Scalar, misses: Numbers | Scalar, p: Numbers | Scalar, *, a: Scalar = 0.5, b: Scalar = 0.5
) -> Numbers:
    r"""Evidence against a rate p, :math:`\ln\frac{B(a+S,\,b+F)}{B(a,b)\,p^S(1-p)^F}`, after S `hits` and F `misses`.

    Its exponential is a martingale where p is true, so it exceeds :math:`\ln(1/\delta)` at some time with probability
    at most :math:`\delta` (`bernoulli-mixture-cs`). Cite: howard2021time.
    """
    s, f = jnp.asarray(hits, float), jnp.asarray(misses, float)
    p = jnp.asarray(p, s.dtype)
    return (
        betaln(a + s, b + f) - betaln(jnp.asarray(a, s.dtype), jnp.asarray(b, s.dtype)) - xlogy(s, p) - xlog1py(f, -p)
    )


def normal_mixture_radius(
    n: Numbers | Scalar, *, sigma: Scalar = 0.5, rho: Scalar = 1.0, delta: Scalar = 0.05
) -> Numbers:
    r"""The running mean's half-width, :math:`\sqrt{(\sigma^2n+\rho)\ln\frac{\sigma^2n+\rho}{\rho\delta^2}}/n`.

    Holds at all n at once with probability 1 - `delta`, for sums whose increments are `sigma`-sub-Gaussian (1/2 where
    they lie in [0, 1]). `rho` says where it is tightest, near :math:`\sigma^2n = \rho` times a few
    (`normal-mixture-cs`); choose it before the data. Infinite at n = 0. Cite: howard2021time.
    """
    n = jnp.asarray(n, float)
    spread = sigma**2 * n + rho
    some = jnp.maximum(n, 1.0)
    radius = jnp.sqrt(spread * (jnp.log(spread) - jnp.log(rho) - 2 * jnp.log(delta))) / some
    return jnp.where(n > 0, radius, jnp.inf)
