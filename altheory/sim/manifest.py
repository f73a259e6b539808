"""What a study was made of and where, so that it can be made again."""

import dataclasses
import functools
import hashlib
import inspect
import json
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import CodeType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from altheory.core.version import __version__

PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "xarray")


def describe(tree: Any) -> str:
    """A short name of a pytree's structure and numbers: equal for equal policies, oracles and keys."""
    leaves, structure = jax.tree.flatten(tree)
    digest = hashlib.sha256(_names(structure).encode())
    for leaf in leaves:
        if jnp.issubdtype(jnp.result_type(leaf), jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        array = np.asarray(leaf)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return f"{type(tree).__name__}-{digest.hexdigest()[:16]}"


def _names(structure: Any) -> str:
    """The structure as text, functions by module and name instead of by address."""
    node = structure.node_data()
    if node is None:
        return str(structure)
    inner = ",".join(_names(child) for child in structure.children())
    return f"{node[0].__name__}[{_plain(node[1])}]({inner})"


def _plain(x: Any) -> str:
    if isinstance(x, (tuple, list)):
        return "(" + ",".join(_plain(i) for i in x) + ")"
    if _is_object(x):
        return _object(x)
    if callable(x):
        name = f"{getattr(x, '__module__', '')}.{getattr(x, '__qualname__', type(x).__name__)}"
        return name if name.startswith("altheory.") else f"{name}:{_code(x)}"
    return repr(x)


def _is_object(x: Any) -> bool:
    """Whether `x` is an object of fields, such as a network, and no pytree (that one is told by its leaves)."""
    held = isinstance(x, functools.partial) or (dataclasses.is_dataclass(x) and not isinstance(x, type))
    return held and jax.tree_util.all_leaves([x])


def _object(x: Any) -> str:
    """An object that is structure, such as a network: its class and what that does, and its fields."""
    if isinstance(x, functools.partial):
        return f"partial({_plain(x.func)},{_plain(x.args)},{_plain(tuple(sorted(x.keywords.items())))})"
    kind = type(x)
    methods = {name: inspect.unwrap(m) for name, m in sorted(vars(kind).items()) if inspect.isfunction(m)}
    written = (f"{name}:{_body(m.__code__)}" for name, m in methods.items() if m.__module__ == kind.__module__)
    digest = hashlib.sha256("|".join(written).encode()).hexdigest()[:16]
    held = (f"{f.name}={_value(getattr(x, f.name, None))}" for f in dataclasses.fields(x) if f.name != "parent")
    return f"{kind.__module__}.{kind.__qualname__}:{digest}({','.join(held)})"


def _code(fn: Any) -> str:
    """What a person's function does: its code, defaults and closed-over values, so that an edited one is another."""
    inner = getattr(fn, "__wrapped__", None)
    code = getattr(fn, "__code__", None)
    if code is None:
        return _plain(inner) if inner is not None else repr(type(fn))
    held = [cell.cell_contents for cell in fn.__closure__ or ()]
    parts = [_body(code), *map(_value, held), _value(fn.__defaults__), _value(fn.__kwdefaults__)]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16] + (f"({_plain(inner)})" if inner else "")


def _body(code: CodeType) -> str:
    inner = [_body(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()}{code.co_names}{inner}"


def _value(x: Any) -> str:
    if callable(x) and not jax.tree_util.all_leaves([x]):
        return describe(x)
    if callable(x) or _is_object(x) or isinstance(x, (str, type(None))):
        return _plain(x)
    if all(hasattr(v, "dtype") or isinstance(v, (int, float)) for v in jax.tree.leaves(x)):
        return describe(x)
    return "(" + ",".join(map(_value, x)) + ")" if isinstance(x, (tuple, list)) else repr(x)


def config_hash(config: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that stand for a configuration."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]


def manifest(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with its hash, versions, device, and the commit where the package lies in a git checkout."""
    devices = jax.devices()
    return {
        "config": dict(config),
        "hash": config_hash(config),
        "altheory": __version__,
        "python": platform.python_version(),
        "versions": {p: metadata.version(p) for p in PACKAGES},
        "device": f"{devices[0].platform} ({devices[0].device_kind}, {platform.machine()})",
        "commit": commit(),
    }


@functools.cache
def commit() -> str | None:
    """The commit the package was run from, with a plus sign where files differ from it; None outside a checkout."""
    here = Path(__file__).parent
    try:
        head = _git(here, "rev-parse", "HEAD")
        _git(here, "ls-files", "--error-unmatch", Path(__file__).name)
        return head + ("+" if _git(here, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *words: str) -> str:
    out = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=10)
    return out.stdout.strip()
