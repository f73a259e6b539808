"""Whether a policy fits an oracle, said in one sentence before anything is compiled."""

from typing import Any

import jax

from altheory.core import Rows
from altheory.core.record import is_traced


def check_agreement(policy: Any, oracle: Any) -> None:
    """Raise `TypeError` or `ValueError` where sizes or verbs of policy and oracle do not match."""
    for name, thing, verbs in (
        ("policy", policy, ("init", "select", "update")),
        ("oracle", oracle, ("init", "offer", "answer")),
    ):
        missing = [v for v in verbs if not callable(getattr(thing, v, None))]
        if missing:
            raise TypeError(
                f"the {name} must have {', '.join(verbs)}; {type(thing).__name__} lacks {', '.join(missing)}"
            )
    belief = _belief(policy)
    if hasattr(belief, "classes") and hasattr(oracle, "classes") and belief.classes != oracle.classes:
        raise ValueError(
            f"the belief knows {belief.classes} classes and the oracle answers with {oracle.classes}: build the belief "
            f"with classes={oracle.classes}"
        )
    _check_sizes(belief, oracle)
    _check_rewards(policy, belief, oracle)
    if getattr(oracle, "full", False) != getattr(_innermost(policy), "full", False):
        told = "every item" if getattr(oracle, "full", False) else "the item chosen alone"
        raise ValueError(
            f"{type(oracle).__name__} tells the reward of {told} and the policy learns otherwise: set full= alike in "
            "both"
        )


def _check_sizes(belief: Any, oracle: Any) -> None:
    width, arms, items = (getattr(belief, name, None) for name in ("dim", "arms", "items"))
    if width is None and arms is None and items is None:
        return
    menu = jax.eval_shape(lambda k: oracle.offer(oracle.init(k)), jax.random.key(0))
    if hasattr(belief, "labelers"):
        _check_labelers(belief, oracle, menu)
    x = menu.x.table if isinstance(menu.x, Rows) else menu.x
    if items is not None and (x.ndim != 1 if not isinstance(menu.x, Rows) else x.shape[0] != items):
        seen = f"{x.shape[0]} items" if isinstance(menu.x, Rows) else f"{x.shape[-1]} features, no items by number"
        raise ValueError(f"the belief knows {items} items and the menu offers {seen}: build one that fits")
    offered = f"arm ids of {x.shape[0]} arms" if x.ndim == 1 else f"{x.shape[-1]} features"
    if width is not None and (x.ndim != 2 or x.shape[1] != width):
        raise ValueError(f"the belief takes {width} features and the menu offers {offered}: build one that fits")
    if arms is not None and (x.ndim != 1 or x.shape[0] != arms):
        raise ValueError(f"the belief knows {arms} arms and the menu offers {offered}: build one that fits")


def _check_rewards(policy: Any, belief: Any, oracle: Any) -> None:
    """Raise where the oracle declares rewards beyond the range, or noisier than the scale, that the policy assumes."""
    who = type(oracle).__name__
    low, high = getattr(belief, "low", None), getattr(belief, "high", None)
    declared = getattr(oracle, "reward_range", None)
    if low is not None and high is not None:
        if declared is None or is_traced((low, high, declared)):
            return
        room = 1e-5 * (float(high) - float(low))
        if float(declared[0]) < float(low) - room or float(declared[1]) > float(high) + room:
            raise ValueError(
                f"the policy takes rewards in [{float(low):g}, {float(high):g}] and {who} pays in "
                f"[{float(declared[0]):g}, {float(declared[1]):g}]: build the policy with low= and high= around them, "
                "or, for rewards without bounds, with noise= where it takes one"
            )
    elif "scale" in getattr(getattr(getattr(_innermost(policy), "score", None), "fn", None), "needs", ()):
        scale, noise = belief.scale, getattr(oracle, "reward_scale", None)
        if noise is not None and not is_traced((scale, noise)) and float(noise) > float(scale) * (1 + 1e-5):
            raise ValueError(
                f"the policy's bonus is for rewards of sub-Gaussian scale {float(scale):g} and those of {who} have "
                f"{float(noise):g}: build the policy with noise={float(noise):g}, or the belief with that scale"
            )


def _innermost(policy: Any) -> Any:
    while hasattr(policy, "inner"):
        policy = policy.inner
    return policy


def _belief(policy: Any) -> Any:
    return getattr(_innermost(policy), "belief", None)


def _check_labelers(belief: Any, oracle: Any, menu: Any) -> None:
    if not isinstance(menu.x, Rows):
        raise ValueError("the belief is about items x labelers and the menu offers no such rows: build one that fits")
    labelers = getattr(oracle, "labelers", belief.labelers)
    if labelers != belief.labelers:
        raise ValueError(
            f"the belief knows {belief.labelers} labelers and the menu offers {labelers}: build one that fits"
        )
