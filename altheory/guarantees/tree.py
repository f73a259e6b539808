"""Runs along given choices: the law a policy plays at each step, and every path of a short game with its chance."""

import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from altheory.core import Choice


def every_path(choices: int, steps: int) -> Int[np.ndarray, "paths steps"]:
    """All sequences of choices."""
    return np.array(list(itertools.product(range(choices), repeat=steps)), np.int32)


@functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
def _along(policy: Any, oracle: Any, items: Array, rewards: Array | None, probs: Array | None) -> tuple[Array, Any]:
    key = jax.random.key(0)

    def one(items: Array, rewards: Array | None, probs: Array | None) -> tuple[Array, Any]:
        def step(carry: tuple[Any, Any], seen: tuple[Array, Any, Any]) -> tuple[tuple[Any, Any], Array]:
            (state, world), (item, reward, prob) = carry, seen
            menu = oracle.offer(world)
            law = policy.weigh(policy.scores(state, menu, key), menu.open)
            live = jnp.bool_(True)
            choice = Choice(item, law[item] if prob is None else prob, ~live, live, jnp.int32(0))
            world, outcome = oracle.answer(world, choice, key)
            told = outcome if reward is None else outcome.replace(y=reward)
            return (policy.update(state, menu, choice, told), world), law

        (state, _), laws = jax.lax.scan(step, (policy.init(key), oracle.init(key)), (items, rewards, probs))
        return laws, state

    return jax.vmap(one)(items, rewards, probs)


def along(
    policy: Any,
    oracle: Any,
    items: Int[np.ndarray, "paths steps"],
    *,
    rewards: Float[np.ndarray, "paths steps"] | None = None,
    probs: Float[np.ndarray, "paths steps"] | None = None,
) -> tuple[Float[np.ndarray, "paths steps K"], Any]:
    """The laws that a policy with scores that are not random plays along given choices, and its states at the end.

    `rewards` take the place of what the oracle answers, and `probs` of the probabilities the policy is told.
    """
    given = [None if x is None else jnp.asarray(x, jnp.float32) for x in (rewards, probs)]
    laws, state = _along(policy, oracle, jnp.asarray(items), *given)
    return np.asarray(laws, np.float64), state


def chances(
    laws: Float[np.ndarray, "paths steps K"], items: Int[np.ndarray, "paths steps"]
) -> Float[np.ndarray, "paths"]:
    """The probability of each path of choices."""
    return np.take_along_axis(laws, items[..., None], -1)[..., 0].prod(1)
