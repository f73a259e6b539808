"""Bandit policies over a thousand seeds beside MABWiser, one pull at a time, and what random numbers alone cost.

`pip install mabwiser` first, in this environment or in one of its own whose interpreter `--peer PYTHON` names. Both
sides choose, see the reward and learn from it, pull by pull: MABWiser by `predict` and `partial_fit`. Read the ratios.
`--quick` takes small sizes.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

ARMS, DIM, CONTEXTS = 10, 32, 20
ROWS = {"ucb1": (1000, 2000), "thompson": (1000, 1000), "linucb": (200, 500)}
"""Seeds and rounds of each policy."""
PULLS = {"ucb1": 4000, "thompson": 4000, "linucb": 400}
"""Pulls that the peer is timed over."""


def peer(row: str, pulls: int) -> float:
    """Seconds a pull of MABWiser, one run."""
    from mabwiser.mab import MAB, LearningPolicy

    rng = np.random.default_rng(0)
    arms = CONTEXTS if row == "linucb" else ARMS
    policy = {
        "ucb1": LearningPolicy.UCB1(alpha=1.0),
        "thompson": LearningPolicy.ThompsonSampling(),
        "linucb": LearningPolicy.LinUCB(alpha=1.0, l2_lambda=1.0),
    }[row]
    means, mab = np.linspace(0.1, 0.9, arms), MAB(list(range(arms)), policy)
    first = {"contexts": rng.normal(size=(arms, DIM))} if row == "linucb" else {}
    mab.fit(list(range(arms)), [float(rng.random() < m) for m in means], **first)
    began = time.perf_counter()
    for _ in range(pulls):
        more = {"contexts": rng.normal(size=(1, DIM))} if row == "linucb" else {}
        arm = mab.predict(**more)
        mab.partial_fit([arm], [float(rng.random() < means[arm])], **more)
    return (time.perf_counter() - began) / pulls


def ours(row: str, seeds: int, rounds: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A compiled study, and the random numbers that it needs alone."""
    import jax
    import jax.numpy as jnp

    import altheory as al

    if row == "linucb":
        theta = jnp.ones(DIM) / DIM**0.5
        policy, oracle, words = al.linucb(DIM, alpha=1.0), al.ContextualBandit(theta, CONTEXTS), CONTEXTS * DIM + 1
    else:
        oracle = al.BernoulliBandit(jnp.linspace(0.1, 0.9, ARMS))
        policy = al.ucb1(ARMS) if row == "ucb1" else al.thompson_bernoulli(ARMS)
        words = 1 if row == "ucb1" else 4 * ARMS + 1
    key = jax.random.key(0)

    @jax.jit
    def draw(keys: Any) -> Any:
        def step(keys: Any, _: None) -> tuple[Any, Any]:
            split = jax.vmap(jax.random.split)(keys)
            return split[:, 0], jax.vmap(lambda k: jax.random.bits(k, (words,)).sum())(split[:, 1])

        return jax.lax.scan(step, keys, None, length=rounds)[1].sum()

    run = lambda: al.study({row: policy}, oracle, key, horizon=rounds, seeds=seeds)  # noqa: E731
    return run, lambda: draw(jax.random.split(key, seeds)).block_until_ready()


def seconds(job: Callable[[], Any], times: int) -> float:
    """The median of a few runs, compiled beforehand."""
    job()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        job()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--quick", action="store_true")
    words.add_argument("--peer", default=sys.executable, help="the interpreter that has MABWiser")
    words.add_argument("--time", choices=list(ROWS), help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.time:
        print(json.dumps(peer(given.time, PULLS[given.time] // (20 if given.quick else 1))))
        return
    from altheory.cli import _devices

    _devices(False, None, None, None)
    print(
        f"{'policy':<10} {'ns a pull':>10} {'pulls a minute':>15} {'random numbers':>15} {'MABWiser':>14} {'ratio':>7}"
    )
    for row, (seeds, rounds) in ROWS.items():
        seeds, rounds = (seeds // 10, rounds // 10) if given.quick else (seeds, rounds)
        run, draw = ours(row, seeds, rounds)
        mine, bits = (seconds(job, 1 if given.quick else 3) / (seeds * rounds) for job in (run, draw))
        called = [given.peer, __file__, "--time", row, *(["--quick"] if given.quick else [])]
        made = subprocess.run(called, capture_output=True, text=True)
        if made.returncode:
            theirs = f"{'not installed':>14} {'':>7}"
        else:
            other = float(json.loads(made.stdout.splitlines()[-1]))
            theirs = f"{1e9 * other:>11,.0f} ns {other / mine:>6.0f}x"
        print(f"{row:<10} {1e9 * mine:>10,.0f} {60 / mine:>15.2g} {bits / mine:>15.0%} {theirs}", flush=True)


if __name__ == "__main__":
    main()
