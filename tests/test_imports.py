"""What `import altheory` must not load, and that the package is typed and its names exist."""

import subprocess
import sys
from pathlib import Path

import altheory as al

BLOCKED = """
import sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        unwanted = {"openai", "transformers", "torch", "matplotlib", "cvxpy", "typer", "rich", "sklearn"}
        if name.split(".")[0] in unwanted | {"flax", "optax", "numpyro"}:
            raise ImportError(f"{name} must not be loaded here")
sys.meta_path.insert(0, Wall())
import altheory as al
import jax
from jax._src import xla_bridge
assert not xla_bridge.backends_are_initialized(), "importing altheory touched a device: no process could be joined"
al.simulate(al.ucb1(2), al.BernoulliBandit([0.1, 0.9]), jax.random.key(0), horizon=3)
"""


def test_import_loads_no_client_and_no_drawing_library():
    done = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_public_names_exist_and_are_documented():
    for name in set(al.__all__) - {"Key", "Scalar", "ScoreFn", "StopFn"}:
        assert getattr(getattr(al, name), "__doc__", None), f"{name} has no docstring"
    assert (Path(al.__file__).parent / "py.typed").exists()


def test_unknown_names_are_attribute_errors():
    assert not hasattr(al, "no_such_thing")
    assert al.plot.regret


def test_test_files_have_names_of_their_own():
    """pytest imports a test file by its name: two of one name cannot be collected together."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)
