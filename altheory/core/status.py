"""Status bits: inside jit nothing raises; a run carries bits, and these sentences say what they mean."""

import jax.numpy as jnp
from jaxtyping import Array, Int

OK = 0
NAN_SCORE = 1
NAN_BELIEF = 2
CLOSED_ITEM = 4
NAN_OUTCOME = 8
REWARD_RANGE = 16

ADVICE = {
    NAN_SCORE: "the score returned NaN for an open item, which then loses to every other: check its logs and divisions",
    NAN_BELIEF: "the belief holds NaN or infinity after an update: scale the features, or raise the prior precision",
    CLOSED_ITEM: "the policy chose a closed item, which was not bought: its `select` must respect `menu.open`",
    NAN_OUTCOME: "the oracle answered with NaN: check its tables and noise",
    REWARD_RANGE: "a reward lay outside the range that the policy assumes, or a label outside its classes: build the "
    "policy with low= and high= around all rewards, or with all classes",
}


def flag(condition: Array, bit: int) -> Int[Array, ""]:
    """`bit` where the condition holds, else 0."""
    return jnp.where(condition, jnp.int32(bit), jnp.int32(0))


def sentences(bits: int) -> list[str]:
    """The advice for each bit that is set."""
    return [text for bit, text in ADVICE.items() if bits & bit]
