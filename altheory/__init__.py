"""altheory: active learning, bandits and optimal design as one loop, with a theorem for every algorithm."""

__version__ = "0.1.0"

from altheory.beliefs import *  # noqa: F403
from altheory.core import *  # noqa: F403
from altheory.oracles import *  # noqa: F403
from altheory.policies import *  # noqa: F403
from altheory.scores import *  # noqa: F403
from altheory.sim import *  # noqa: F403
