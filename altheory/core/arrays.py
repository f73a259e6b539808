"""What fields are converted to; None stays None."""

from typing import Any

import jax.numpy as jnp


def floats(x: Any) -> Any:
    """An array of the platform's floats."""
    return None if x is None else jnp.asarray(x, jnp.result_type(float))


def singles(x: Any) -> Any:
    """An array of float32."""
    return None if x is None else jnp.asarray(x, jnp.float32)


def whole(x: Any) -> Any:
    """An array of int32."""
    return None if x is None else jnp.asarray(x, jnp.int32)
