"""Settings for every test: a persistent compilation cache, runtime type checks, and deterministic examples."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"altheory-jax-cache-{os.getuid()}")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")

import jax
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

packages = ("guarantees", "policies", "scores", "sim")
install_import_hook([f"altheory.{name}" for name in packages], "typecheck.checked")

jax.config.update("jax_numpy_dtype_promotion", "standard")
slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=30, suppress_health_check=slow)
settings.register_profile("thorough", deadline=None, max_examples=500, suppress_health_check=slow)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
