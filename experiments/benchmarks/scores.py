"""Time the heavy score kernels beside a plain numpy version of the same algorithm, and beside the machine.

Each row runs kernel and peer alternately in one process and prints medians, the ratio, and what share of the machine's
limit (bytes read or arithmetic done, as measured here) the kernel reaches. `--smoke` uses small sizes.
"""

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from altheory.scores.batch_bald import batch_bald
from altheory.scores.diversity import k_center
from altheory.scores.gradient import badge
from altheory.scores.information import bald
from altheory.scores.stream import top_k_stream
from altheory.scores.submodular import facility_location
from altheory.scores.uncertainty import entropy


class Case(NamedTuple):
    """A kernel, its peer, and the least seconds the machine could take for it."""

    name: str
    kernel: Callable[[], Any]
    peer: Callable[[], Any]
    limit: float


class Machine(NamedTuple):
    """Seconds, just now, for a logarithm of a float read, an operation of a matrix product, and a byte read."""

    per_log: float
    per_flop: float
    per_byte: float


def clock(run: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - begun


def interleave(runs: list[Callable[[], Any]], times: int) -> list[float]:
    """The median seconds of each, taken in turn so that all meet the same load."""
    for run in runs:
        jax.block_until_ready(run())
    taken = [[clock(run) for run in runs] for _ in range(times)]
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def measure(floats: int) -> Machine:
    a = jnp.full(floats, 0.5, jnp.float32)
    b = jnp.full((1024, 1024), 0.5, jnp.float32)
    logs = jax.jit(lambda v: jnp.log(v).sum())
    gemm = jax.jit(lambda m: jnp.dot(m, m, precision="highest"))
    total = jax.jit(jnp.sum)
    seconds = interleave([lambda: logs(a), lambda: gemm(b), lambda: total(a)], 9)
    return Machine(seconds[0] / floats, seconds[1] / (2 * 1024**3), seconds[2] / (4 * floats))


def numpy_entropy(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(np.where(p > 0, p, 1))).sum(-1)


def numpy_bald(p: np.ndarray) -> np.ndarray:
    return numpy_entropy(p.mean(0)) - numpy_entropy(p).mean(0)


def numpy_batch_bald(p: np.ndarray, size: int, most: int, seed: int) -> list[int]:
    """The same estimator in numpy: every candidate in full, configurations drawn independently beyond `most`."""
    rng = np.random.default_rng(seed)
    draws, items, classes = p.shape
    noise = numpy_entropy(p).mean(0)
    weight, posterior = np.ones(1, p.dtype), np.full((1, draws), 1 / draws, p.dtype)
    picks: list[int] = []
    for _ in range(size):
        gains = -noise.copy()
        for start in range(0, items, 512):
            part = p[:, start : start + 512]
            predictive = (posterior @ part.reshape(draws, -1)).reshape(-1, *part.shape[1:])
            gains[start : start + 512] += weight @ numpy_entropy(predictive)
        gains[picks] = -np.inf
        item = int(gains.argmax())
        picks.append(item)
        joint = (weight[:, None] * (posterior @ p[:, item])).ravel()
        index = np.arange(joint.size)
        if joint.size > most:
            index = rng.choice(joint.size, most, p=joint / joint.sum())
            joint = np.full(joint.size, 1 / most, p.dtype)
        weight = joint[index]
        posterior = posterior[index // classes] * p[:, item].T[index % classes]
        posterior /= posterior.sum(1, keepdims=True)
    return picks


def numpy_badge(p: np.ndarray, x: np.ndarray, size: int, seed: int) -> list[int]:
    """Squared-distance sampling on materialised gradients, one pass over them a pick."""
    rng = np.random.default_rng(seed)
    r = p.copy()
    r[np.arange(len(p)), p.argmax(1)] -= 1
    g = (r[:, :, None] * x[:, None, :]).reshape(len(p), -1)
    norm = (g**2).sum(1)
    picks = [int(rng.integers(len(p)))]
    near = np.full(len(p), np.inf, p.dtype)
    for _ in range(size - 1):
        near = np.minimum(near, np.maximum(norm + norm[picks[-1]] - 2 * g @ g[picks[-1]], 0))
        near[picks] = 0
        picks.append(int(rng.choice(len(p), p=near / near.sum(dtype=float))))
    return picks


def numpy_k_center(x: np.ndarray, size: int) -> list[int]:
    norm = (x**2).sum(1)
    near, i, picks = np.full(len(x), np.inf, x.dtype), int(norm.argmax()), []
    for _ in range(size):
        picks.append(i)
        near = np.minimum(near, norm + norm[i] - 2 * (x @ x[i]))
        i = int(near.argmax())
    return picks


def numpy_facility(similarity: np.ndarray, size: int) -> list[int]:
    best, picks = np.zeros(similarity.shape[1], similarity.dtype), []
    for _ in range(size):
        gains = np.concatenate(
            [np.maximum(part - best, 0).sum(1) for part in np.array_split(similarity, -(-len(similarity) // 64))]
        )
        gains[picks] = -1
        picks.append(int(gains.argmax()))
        best = np.maximum(best, similarity[picks[-1]])
    return picks


def top_of_chunks(pool: np.ndarray, k: int, chunk: int) -> np.ndarray:
    scores = np.concatenate([numpy_entropy(pool[a : a + chunk]) for a in range(0, len(pool), chunk)])
    return np.argpartition(-scores, k)[:k]


def cases(scale: float, machine: Machine) -> list[Case]:
    rng, key = np.random.default_rng(0), jax.random.key(0)

    def n(full: int) -> int:
        return max(int(full * scale), 200)

    def probs(*shape: int) -> np.ndarray:
        z = rng.normal(size=shape).astype(np.float32) * 2
        e = np.exp(z - z.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    q, draws = probs(n(1_000_000), 10), probs(20, n(100_000), 10)
    committee, wide = probs(64, n(10_000), 10), normal(n(50_000), 384)
    labels, pool = probs(n(50_000), 10), normal(n(100_000), 384)
    similar = normal(n(8_000), n(4_000))
    centres, batch = max(int(1000 * scale), 20), max(int(100 * scale), 10)
    logs = machine.per_log
    on_device = [jnp.asarray(a) for a in (q, draws, committee, labels, wide, pool, similar)]
    jq, jdraws, jcommittee, jlabels, jwide, jpool, jsimilar = on_device
    full = 7 * 2 * 1000 * committee.size * machine.per_flop + 7 * 1000 * committee[0].size * logs
    return [
        Case("entropy", lambda: entropy(jq), lambda: numpy_entropy(q), q.size * logs),
        Case("bald", lambda: bald(jdraws), lambda: numpy_bald(draws), draws.size * logs),
        Case(
            "batch_bald",
            lambda: batch_bald(jcommittee, 10, key=key).picks,
            lambda: numpy_batch_bald(committee, 10, 1024, 0),
            full,
        ),
        Case(
            "badge",
            lambda: badge(jlabels, jwide, batch, key=key),
            lambda: numpy_badge(labels, wide, batch, 0),
            2 * batch * (wide.size + labels.size) * machine.per_flop,
        ),
        Case(
            "k_center",
            lambda: k_center(jpool, centres),
            lambda: numpy_k_center(pool, centres),
            2 * centres * pool.size * machine.per_flop,
        ),
        Case(
            "facility_location",
            lambda: facility_location(jsimilar, 50).picks,
            lambda: numpy_facility(similar, 50),
            similar.nbytes * machine.per_byte,
        ),
        Case(
            "top_k_stream",
            lambda: top_k_stream(entropy, q, 100, chunk=131072).scores,
            lambda: top_of_chunks(q, 100, 131072),
            q.size * logs,
        ),
    ]


def library_cases(scale: float, machine: Machine) -> list[Case]:
    """BADGE beside scikit-activeml's, on the same probabilities and features, where that is installed."""
    if importlib.util.find_spec("skactiveml") is None:
        print("# scikit-activeml is not installed: its rows are skipped")
        return []
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.pool import Badge

    class Fixed(SkactivemlClassifier):
        """A classifier that has been asked already."""

        def __init__(self, probs=None, classes=None, missing_label=np.nan, cost_matrix=None, random_state=None):
            super().__init__(classes=classes, missing_label=missing_label, cost_matrix=cost_matrix)
            self.probs, self.random_state = probs, random_state

        def fit(self, x: Any, y: Any, sample_weight: Any = None) -> "Fixed":
            return self

        def predict_proba(self, x: Any) -> np.ndarray:
            return self.probs[: len(x)]

    rng, key = np.random.default_rng(1), jax.random.key(1)
    items, batch = max(int(50_000 * scale), 200), max(int(100 * scale), 10)
    x = rng.normal(size=(items, 384)).astype(np.float32)
    p = rng.dirichlet(np.ones(10), items).astype(np.float32)
    model, unknown = Fixed(p, classes=list(range(10))), np.full(items, np.nan)
    jp, jx = jnp.asarray(p), jnp.asarray(x)

    def theirs() -> Any:
        return Badge(random_state=0).query(x, unknown, model, fit_clf=False, batch_size=batch)

    limit = 2 * batch * (x.size + p.size) * machine.per_flop
    return [Case("badge, activeml", lambda: badge(jp, jx, batch, key=key), theirs, limit)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="small sizes, a few seconds")
    parser.add_argument("--repeats", type=int, default=3, help="alternations of kernel and peer")
    parser.add_argument("--only", default="", help="the name of one kernel")
    options = parser.parse_args()
    machine = measure(2_000_000 if options.smoke else 20_000_000)
    logs, flops, bytes_read = (1e-9 / seconds for seconds in machine)
    print(f"# machine: {logs:.2f} G logs/s, {flops:.0f} GFLOP/s float32, {bytes_read:.1f} GB/s")
    print(f"{'kernel':18} {'seconds':>9} {'peer':>9} {'ratio':>7} {'of limit':>9}")
    scale = 0.02 if options.smoke else 1.0
    for case in [*cases(scale, machine), *library_cases(scale, machine)]:
        if options.only in ("", case.name):
            own, peer = interleave([case.kernel, case.peer], options.repeats)
            print(f"{case.name:18} {own:9.4f} {peer:9.4f} {peer / own:6.1f}x {case.limit / own:8.0%}", flush=True)


if __name__ == "__main__":
    main()
