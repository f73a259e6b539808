"""The command, run as a person would: in a process and a folder of its own."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def altheory(tmp_path):
    """Run the command; returns (exit code, standard output, standard error)."""

    def run(*words, timeout=240):
        environment = {k: v for k, v in os.environ.items() if k not in ("XLA_FLAGS", "JAX_PLATFORMS")}
        environment["JAX_PLATFORMS"] = "cpu"
        command = [sys.executable, "-c", "from altheory.cli import main; main()", *map(str, words)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=timeout)
        return done.returncode, done.stdout, done.stderr

    return run
