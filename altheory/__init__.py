"""altheory: active learning, bandits and optimal design as one loop, with a theorem for every algorithm."""

import importlib
from types import ModuleType

from altheory import beliefs, core, designs, guarantees, oracles, policies, scores, sim, stopping
from altheory.beliefs import *  # noqa: F403
from altheory.core import *  # noqa: F403
from altheory.core.version import __version__ as __version__
from altheory.designs import *  # noqa: F403
from altheory.guarantees import *  # noqa: F403
from altheory.oracles import *  # noqa: F403
from altheory.policies import *  # noqa: F403
from altheory.scores import *  # noqa: F403
from altheory.sim import *  # noqa: F403
from altheory.stopping import *  # noqa: F403

_LAZY = ("host", "plot", "systems")
"""Subpackages loaded when first used, so that `import altheory` loads no drawing library and no LLM client."""

__all__ = [
    name
    for module in (core, beliefs, scores, designs, stopping, policies, oracles, sim, guarantees)
    for name in getattr(module, "__all__", ())
    if name != "ALL"
]


def __getattr__(name: str) -> ModuleType:
    if name in _LAZY:
        return importlib.import_module(f"altheory.{name}")
    raise AttributeError(f"module 'altheory' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *__all__})
