"""How loops are compiled on a CPU: to code as fast in a third of the time."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

QUICK: dict[str, Any] = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 1}
"""XLA spends most of its time on optimising hundreds of small fused operations, which here are not what takes time."""


@functools.cache
def quick_options() -> dict[str, Any]:
    """The compiler options for a loop over rounds; none where the backend is no CPU, or XLA no longer knows them."""
    if jax.default_backend() != "cpu":
        return {}
    try:
        jax.jit(jnp.negative, compiler_options=QUICK).lower(0.0).compile()
    except (jax.errors.JaxRuntimeError, ValueError):
        return {}
    return QUICK
