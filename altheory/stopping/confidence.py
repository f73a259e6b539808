"""Rules that stop on a confidence sequence: valid although one looks after every answer."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from altheory.core import Scalar
from altheory.core.check import positive, within
from altheory.core.sequences import log_bernoulli_mixture, normal_mixture_radius
from altheory.stopping.rule import When, number, when


def error_below(target: Scalar, delta: Scalar = 0.05, *, a: Scalar = 0.5, b: Scalar = 0.5) -> When:
    r"""Stop once an error rate is known to be below `target`: reads `mistakes` and `audits`, both counted so far.

    Audits are of items drawn independently, never picked by a score. Where the true rate is at least `target`, the
    rule ever stops with probability at most `delta`, however often it is asked (`bernoulli-mixture-cs`). Raises
    `ValueError` where `target` or `delta` is outside [0, 1]. Cite: howard2021time.
    """
    within("error_below target", target, 0, 1)
    within("error_below delta", delta, 0, 1)
    return when(_error_below, target=number(target), delta=number(delta), a=number(a), b=number(b))


def interval_within(width: Scalar, delta: Scalar = 0.05, *, sigma: Scalar = 0.5, rho: Scalar = 1.0) -> When:
    """Stop once a mean of `audits` numbers is known to within `width` either way, by the normal mixture.

    Reads `audits`, counted so far. Valid at the time it stops. Raises `ValueError` where a number is not above 0.
    Cite: howard2021time.
    """
    for name, value in (("width", width), ("sigma", sigma), ("rho", rho)):
        positive(f"interval_within {name}", value)
    within("interval_within delta", delta, 0, 1)
    return when(_within, width=number(width), delta=number(delta), sigma=number(sigma), rho=number(rho))


def _error_below(
    mistakes: Array, audits: Array, *, target: Scalar, delta: Scalar, a: Scalar, b: Scalar
) -> Bool[Array, ""]:
    wrong, n = jnp.asarray(mistakes, float), jnp.asarray(audits, float)
    evidence = log_bernoulli_mixture(wrong, n - wrong, target, a=a, b=b)
    return (wrong < target * n) & (evidence >= -jnp.log(delta))


def _within(audits: Array, *, width: Scalar, delta: Scalar, sigma: Scalar, rho: Scalar) -> Bool[Array, ""]:
    return normal_mixture_radius(audits, sigma=sigma, rho=rho, delta=delta) <= width


def mixture_glr(
    counts: Float[Array, "K"], means: Float[Array, "K"], *, sigma: Scalar = 0.5, rho: Scalar = 1.0
) -> Float[Array, ""]:
    r"""Evidence that the arm of the largest mean is the best: the least, over rivals b of that arm a, of

    :math:`\frac{v_av_b}{2\sigma^2(v_a+v_b)}(\hat\mu_a-\hat\mu_b)^2 - \frac12\ln(1+N_a/\rho) - \frac12\ln(1+N_b/\rho)`
    with :math:`v = N^2/(N+\rho)`. At least :math:`\ln((K-1)/\delta)` for a wrong arm at some time with probability
    at most :math:`\delta`, whatever the sampling rule (`mixture-glr-stop`). Minus infinity with an unplayed arm.
    Cite: kaufmann2021mixture.
    """
    n, m = jnp.asarray(counts, float), jnp.asarray(means, float)
    v = n**2 / (n + rho)
    best = jnp.argmax(m)
    gap = m[best] - m
    apart = jnp.where(v > 0, v[best] * v / jnp.maximum(v[best] + v, jnp.finfo(v.dtype).tiny), 0) * gap**2
    evidence = apart / (2 * sigma**2) - 0.5 * (jnp.log1p(n[best] / rho) + jnp.log1p(n / rho))
    rivals = jnp.where(jnp.arange(n.shape[0]) == best, jnp.inf, evidence)
    return jnp.where((n > 0).all(), rivals.min(), -jnp.inf)
