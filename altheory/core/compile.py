"""How loops are compiled on a CPU: to code as fast in a third of the time."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

QUICK: dict[str, Any] = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 1}
"""XLA spends most of its time on optimising hundreds of small fused operations, which here are not what takes time."""


@functools.cache
def quick_options() -> dict[str, Any]:
    """The compiler options for a loop over rounds: those of `QUICK` that XLA knows, and none on other than a CPU."""
    return {k: v for k, v in QUICK.items() if jax.default_backend() == "cpu" and _known({k: v})}


def _known(options: dict[str, Any]) -> bool:
    try:
        jax.jit(jnp.negative, compiler_options=options).lower(0.0).compile()
    except (jax.errors.JaxRuntimeError, ValueError):
        return False
    return True
