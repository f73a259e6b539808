"""Settings for every test: a persistent compilation cache, runtime type checks, and deterministic examples."""

import os
import tempfile
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# One folder a worker: a program that is still being written must not be read.
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(
    Path(os.environ.get("JAX_COMPILATION_CACHE_DIR", Path(tempfile.gettempdir()) / f"altheory-jax-{os.getuid()}"))
    / os.environ.get("PYTEST_XDIST_WORKER", "main")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
# Tests compile far more than they compute: the options that the loop has anyway (see `altheory.core.compile`).
# XLA ends the process at a flag it does not know, and one of these is gone since 0.11.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=1"
    + " --xla_cpu_use_fusion_emitters=false" * version("jaxlib").startswith("0.10."),
)

import gc

import jax
import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

# What runs inside the loop; at the boundary a wrong type is the package's own sentence to say, and its tests say so.
compiled = ("policies", "scores.wrappers", "scores.optimism", "scores.sampling", "scores.price", "sim.blocks")
install_import_hook([f"altheory.{name}" for name in compiled], "typecheck.checked")

jax.config.update("jax_numpy_dtype_promotion", "standard")
slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=30, suppress_health_check=slow)
settings.register_profile("thorough", deadline=None, max_examples=500, suppress_health_check=slow)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True, scope="module")
def _programs_let_go():
    """Compiled programs go when their test file ends: those of the whole suite would fill the memory."""
    yield
    jax.clear_caches()
    gc.collect()
