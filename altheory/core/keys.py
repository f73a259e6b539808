"""Keys: that of round t is `fold_in(key, t)`, so a run resumes at t with nothing stored."""

import jax

from altheory.core.types import Key


def initial_keys(key: Key) -> tuple[Key, Key]:
    """Keys for the policy's and the oracle's `init` (round 0)."""
    policy, oracle = jax.random.split(jax.random.fold_in(key, 0))
    return policy, oracle


def round_keys(key: Key, t: jax.Array | int) -> tuple[Key, Key]:
    """Keys for `select` and `answer` in round t >= 1."""
    select, answer = jax.random.split(jax.random.fold_in(key, t))
    return select, answer
