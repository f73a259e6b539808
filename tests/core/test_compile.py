"""The compiler options of loops: they say the same thing, and give way where XLA does not know them."""

import jax
import numpy as np

import altheory as al
from altheory.core import compile as compiling


def test_unknown_options_are_left_out(monkeypatch):
    assert compiling.quick_options().items() <= compiling.QUICK.items()
    known = {"xla_backend_optimization_level": 1}
    monkeypatch.setattr(compiling, "QUICK", {"xla_cpu_no_such_option": True, **known})
    assert compiling.quick_options.__wrapped__() == known


def test_a_simulation_runs_inside_a_compiled_function():
    key, policy, bandit = jax.random.key(0), al.ucb1(2), al.BernoulliBandit([0.2, 0.8])
    inside = jax.jit(lambda scale: scale * al.simulate(policy, bandit, key, horizon=9)[1]["regret"])
    np.testing.assert_allclose(inside(2.0), 2 * al.simulate(policy, bandit, key, horizon=9)[1]["regret"], rtol=1e-6)
