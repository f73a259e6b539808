"""Two devices give the bits that one gives."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
import jax
import numpy as np
import altheory as al

assert jax.device_count() == int(sys.argv[2])
x = np.random.default_rng(0).normal(size=(20, 3))
pool = al.LabelPool(x, np.arange(20) % 2, [0.1, 1.0], [0.3, 0.0], held_out=0.3)
policies = {"bald": al.Argmax(al.logistic(3, capacity=8), al.per_dollar(al.score(al.bald_score, draws=4)))}
result = al.study(policies, pool, jax.random.key(0), horizon=6, seeds=11, block=3, record=(al.accuracy, al.item))
result.manifest.clear()
result.save(sys.argv[1])
"""


@pytest.mark.slow
def test_seeds_sharded_over_two_devices_give_the_same_file(tmp_path):
    files = []
    for devices in (1, 2):
        flags = f"--xla_force_host_platform_device_count={devices}"
        path = tmp_path / f"{devices}.nc"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM, str(path), str(devices)],
            env={**os.environ, "XLA_FLAGS": flags, "NPROC": "8", "JAX_PLATFORMS": "cpu"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        files.append(path.read_bytes())
    assert files[0] == files[1]
