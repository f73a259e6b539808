"""Theorems on streams of labels that are bought where hypotheses disagree."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from altheory.beliefs import Finite, finite
from altheory.core import Choice, Key, Menu, Outcome, Score, record
from altheory.guarantees import observe
from altheory.guarantees.evidence import Equals, Mean, WithProbability
from altheory.guarantees.guarantee import Case, guarantee
from altheory.oracles import LabelStream
from altheory.policies import A2, SelectiveSampling, cal
from altheory.scores import disagreement
from altheory.sim import Round, labels, simulate

Build = Callable[[np.ndarray], Any]


def disagreement_coefficient(table: np.ndarray, mass: np.ndarray, centre: np.ndarray) -> float:
    r"""The disagreement coefficient :math:`\theta = \sup_{r>0}P(\mathrm{DIS}(B(h,r)))/r` of a finite class at a rule.

    `table` `[H, N]` holds the class of each item under each hypothesis, `mass` `[N]` the items' law, `centre` `[N]` the
    rule; :math:`B(h, r)` are the hypotheses that differ from it on mass at most r. Exact: the supremum is attained at
    one of the H distances. Cite: hanneke2014theory.
    """
    distance = (table != centre) @ mass
    found = [0.0]
    for r in np.unique(distance[distance > 0]):
        ball = table[distance <= r * (1 + 1e-12)]
        found.append(float(mass @ (ball.min(0) != ball.max(0))) / float(r))
    return max(found)


@record
class _InOrder:
    """Items that come in a fixed `order`, with labels `y`."""

    order: Int[Array, "n"]
    y: Int[Array, "n"]

    def init(self, key: Key) -> Int[Array, ""]:
        return jnp.int32(0)

    def offer(self, world: Int[Array, ""]) -> Menu:
        one = jnp.ones(1)
        return Menu(self.order[world][None], one, 0 * one, jnp.ones(1, bool))

    def answer(self, world: Int[Array, ""], choice: Choice, key: Key) -> tuple[Array, Outcome]:
        return world + 1, Outcome(self.y[self.order[world]], jnp.where(choice.valid, 1.0, 0.0))

    def value(self, world: Int[Array, ""]) -> Float[Array, "1"]:
        return jnp.ones(1)


STEPS = 5


def _chances(policy: Any) -> np.ndarray:
    """The share of the orders of 5 items in which each place is asked about, `[thresholds, 5]`."""
    orders = np.array(list(itertools.permutations(range(STEPS))))
    truths = (np.arange(STEPS) >= np.arange(STEPS + 1)[:, None]).astype(np.int32)

    def one(order: Array, y: Array) -> Array:
        seen = simulate(policy, _InOrder(order, y), jax.random.key(0), horizon=STEPS, record=(labels,))[1]
        return seen["labels"]

    over_orders = jax.vmap(one, (0, None))
    asked = jax.jit(jax.vmap(over_orders, (None, 0)))(jnp.asarray(orders, jnp.int32), jnp.asarray(truths))
    return np.asarray(asked, np.float64).mean(1)


def thresholds(items: int) -> np.ndarray:
    """All thresholds on a line of `items`, `[items + 1, items]`: hypothesis k says 1 from item k on."""
    return np.asarray((np.arange(items) >= np.arange(items + 1)[:, None]).astype(int))


def _threshold_cases(algorithm: Build, trials: int) -> Iterator[Case]:
    each = _chances(algorithm(thresholds(STEPS)))
    for q in (0.0, 0.1, 0.5, 0.8):
        left = np.arange(STEPS + 1)
        law = np.array([math.comb(STEPS, k) for k in left]) * q**left * (1 - q) ** (STEPS - left)
        yield Case(f"threshold at the {q:g} quantile", (np.arange(1, STEPS + 1), q), np.cumsum(law @ each))


@record
class _WrongSide(Finite):
    """A mutant: labels taken for their opposites."""

    def update(self, row: Menu, y: Any) -> Any:
        return Finite.update(self, row, 1 - y)


def _as(kind: type[Finite]) -> Build:
    def build(table: np.ndarray) -> Any:
        b = finite(table)
        made = kind(b.log_mass, b.alive, b.log_evidence, b.conflicts, b.hypotheses, b.noise, b.classes, b.predict)
        return SelectiveSampling(made, disagreement)

    return build


def _always(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    return jnp.ones_like(menu.price)


def _asks_always(table: np.ndarray) -> Any:
    """A mutant: every label is bought."""
    return SelectiveSampling(finite(table), _always)


@guarantee(
    "CAL on thresholds asks about point t of a continuous stream with probability (2 - q^t - (1-q)^t) / t",
    id="cal-thresholds",
    family="active learning",
    latex=r"\mathbb E\#\mathrm{labels}=\sum_{t=1}^n\frac{2-q^t-(1-q)^t}t\le2(1+\ln n)",
    cite="cohn1994improving",
    note="proofs_notes/cal-thresholds.md",
    bounds=Equals(observe.as_array, tolerance=1e-6),
    algorithm=cal,
    cases=_threshold_cases,
    mutants={"every label bought": _asks_always, "labels taken for their opposites": _as(_WrongSide)},
)
def cal_thresholds(n: np.ndarray, q: float) -> np.ndarray:
    """Expected labels of CAL after `n` points, where the threshold is the `q` quantile. Cite: cohn1994improving."""
    t = np.arange(1, int(np.max(n)) + 1)
    total = np.cumsum((2 - float(q) ** t - (1 - float(q)) ** t) / t)
    return np.asarray(total[np.asarray(n, int) - 1])


FAULT = 1e30
"""What a wrong version space adds to the labels: no bound is that large."""


def unlike_passive(r: Round) -> Float[Array, ""]:
    """The metric that is 1 where the version space after a round is not what the item's true class leaves of it."""
    right = r.before.belief.predictions(r.menu[0].x) == r.oracle.y[r.world.item]
    wrong = ((r.before.belief.alive & right) != r.state.belief.alive).any()
    return wrong.astype(r.menu.price.dtype)


def labels_or_fault(run: Any) -> np.ndarray:
    """Labels bought so far, `[seeds, rounds]`; out of all bounds from the first round that differs from passive."""
    fault = np.maximum.accumulate(np.asarray(run["unlike_passive"]), -1)
    return np.cumsum(np.asarray(run["labels"], np.float64), -1) + FAULT * fault


def plays_cal(policy: Any, oracle: Any) -> str | None:
    """The policy is CAL over a table of hypotheses."""
    chance = getattr(policy, "chance", None)
    plays = isinstance(policy, SelectiveSampling) and isinstance(chance, Score) and chance.fn is disagreement
    return None if plays and isinstance(policy.belief, Finite) and policy.belief.items else "the policy is not CAL"


def realisable(policy: Any, oracle: Any) -> str | None:
    """Items are drawn independently, labels are right, and some hypothesis with mass gives them all."""
    if not isinstance(oracle, LabelStream) or oracle.once:
        return f"{type(oracle).__name__} does not draw its items independently from a law"
    if float(np.max(oracle.flip)) > 0:
        return "labels may be wrong"
    return None if np.asarray(_agreeing(policy, oracle)).any() else "no hypothesis gives every item its class"


def _agreeing(policy: Any, oracle: Any) -> np.ndarray:
    table, live = np.asarray(policy.belief.hypotheses), np.asarray(oracle.mass) > 0
    return np.asarray(policy.belief.alive) & (table == np.asarray(oracle.y))[:, live].all(1)


def _cal_cases(algorithm: Build, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(2)
    line, mixed, even = thresholds(24), rng.integers(0, 2, (25, 24)), np.full(24, 1 / 24)
    pools = {
        "thresholds, skewed": (line, line[7], rng.dirichlet(np.full(24, 0.5))),
        "singletons": (np.r_[np.zeros((1, 24), int), np.eye(24, dtype=int)], np.zeros(24, int), even),
        "random hypotheses": (mixed, mixed[3], even),
    }
    for name, (table, truth, mass) in pools.items():
        oracle = LabelStream(np.arange(24)[:, None], truth, mass=mass)
        yield observe.simulated(
            algorithm(table), oracle, f"cal, {name}", horizon=400, trials=trials, record=(labels, unlike_passive)
        )


@record
class _Majority(SelectiveSampling):
    """A mutant: an item passed or bought, the version space keeps what its own majority says."""

    def update(self, state: Any, menu: Menu, choice: Choice, outcome: Outcome) -> Any:
        y = jnp.argmax(state.belief.probs(menu)[0])
        return state.replace(belief=state.belief.update(menu[0], y))


@guarantee(
    "CAL's version space is that of all labels, and E[labels] <= 1 + sum of min(1, (1 + theta ln(H s)) / s) over s < t",
    id="cal-disagreement",
    family="active learning",
    latex=r"\mathbb E\#\mathrm{labels}\le1+\sum_{s=1}^{t-1}\min\Bigl(1,\frac{1+\theta\ln(|\mathcal H|s)}s\Bigr)",
    cite="hanneke2014theory",
    note="proofs_notes/cal-disagreement.md",
    bounds=Mean(labels_or_fault),
    assumes=[plays_cal, realisable],
    ceiling=lambda policy, oracle, t: t,
    algorithm=cal,
    cases=_cal_cases,
    mutants={
        "every label bought": _asks_always,
        "labels inferred by majority": lambda table: _Majority(finite(table), disagreement),
    },
    trials=60,
)
def cal_disagreement(policy: Any, oracle: Any, t: np.ndarray) -> np.ndarray:
    """Expected labels of CAL after `t` items of a realisable stream. Cite: hanneke2014theory."""
    table, mass = np.asarray(policy.belief.hypotheses), np.asarray(oracle.mass, np.float64)
    theta = disagreement_coefficient(table, mass, np.asarray(oracle.y))
    s = np.arange(1, int(np.max(t)) + 1)
    each = np.minimum(1, (1 + theta * np.log(len(table) * s)) / s)
    return np.asarray(np.r_[1.0, 1 + np.cumsum(each)][np.asarray(t, int) - 1])


DELTA, LEVELS, HORIZON = 0.1, 4, 4000


def errors_of(policy: Any, oracle: Any) -> Float[Array, "H"]:
    """The exact error of every hypothesis on the stream."""
    right = policy.belief.hypotheses == oracle.y
    return (oracle.mass * jnp.where(right, oracle.flip, 1 - oracle.flip)).sum(-1)


def level(r: Round) -> Float[Array, ""]:
    """The metric that is the number of the round A^2 is in, before the item."""
    return r.before.number.astype(r.menu.price.dtype)


def planned(r: Round) -> Float[Array, ""]:
    """The metric that is the number of labels A^2's present round is to buy."""
    return (r.before.left + r.before.labelled).astype(r.menu.price.dtype)


def excess(r: Round) -> Float[Array, ""]:
    """The metric that is by how much A^2's worst survivor errs more than the best hypothesis; infinite without it."""
    error, alive = errors_of(r.policy, r.oracle), r.state.belief.alive
    best = error <= error.min() + 1e-6
    return jnp.where((alive & best).any(), jnp.where(alive, error, 0).max() - error.min(), jnp.inf)


def _a2_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    line = thresholds(24)
    mass = np.random.default_rng(3).dirichlet(np.full(24, 3.0))
    noises = {
        "Massart noise": np.full(24, 0.2),
        "agnostic noise": np.where(np.arange(24) == int(np.argsort(mass)[12]), 0.9, 0.01),
    }
    policy, metrics = algorithm(finite(line), mass, DELTA), (labels, level, planned, excess)
    streams = [LabelStream(np.arange(24)[:, None], line[9], mass=mass, flip=flip) for flip in noises.values()]

    def one(oracle: Any, key: Key) -> dict[str, Array]:
        return simulate(policy, oracle, key, horizon=HORIZON, record=metrics)[1].metrics

    both = jax.tree.map(lambda *x: jnp.stack(x), *streams)
    keys = jax.random.split(jax.random.key(4), trials)
    runs = jax.jit(jax.vmap(jax.vmap(one, (None, 0)), (0, None)))(both, keys)
    for i, (name, oracle) in enumerate(zip(noises, streams, strict=True)):
        error = np.asarray(errors_of(policy, oracle), np.float64)
        noise, best = float(error.min()), int(error.argmin())
        theta = disagreement_coefficient(line, np.asarray(oracle.mass, np.float64), line[best])
        most = a2_labels(theta, noise, len(line), DELTA, LEVELS)
        yield Case(name, (theta, noise, len(line), DELTA, LEVELS), _bought({m: x[i] for m, x in runs.items()}, most))


def _bought(run: Any, most: np.ndarray) -> np.ndarray:
    """Labels bought in the first rounds of A^2, one a seed; infinite where the event failed in one of them."""
    level_, planned_, excess_, bought = (
        np.asarray(run[m], np.float64) for m in ("level", "planned", "excess", "labels")
    )
    total = np.zeros(len(bought))
    for k in range(1, LEVELS + 1):
        inside = level_ == k
        total += np.where(inside, bought, 0).sum(1)
        wrong = (inside & (planned_ > most[k - 1])).any(1)
        ended = (level_ > k).any(1)
        last = np.take_along_axis(excess_, np.argmax(level_ > k, 1)[:, None] - 1, 1)[:, 0]
        total[wrong | (ended & (last > 2 * 2.0**-k + 1e-6))] = np.inf
    return total


@record
class _TooFew(A2):
    """A mutant: one label in two hundred."""

    def labels(self, number: Int[Array, ""], mass: Float[Array, ""]) -> Int[Array, ""]:
        return -(-A2.labels(self, number, mass) // 200)


@record
class _DropsTheBest(A2):
    """A mutant: the hypotheses of the least errors are dropped."""

    def finish(self, state: Any) -> Any:
        return A2.finish(self, state.replace(errors=state.labelled - state.errors))


def a2_labels(theta: float, noise: float, size: int, delta: float, levels: int) -> np.ndarray:
    r"""The most labels of each of the first `levels` rounds of A^2.

    :math:`1 + 2\min(1, \theta(2\nu + 4\varepsilon_k))^2\varepsilon_k^{-2}\ln\frac{2|\mathcal H|k(k+1)}\delta`, where
    :math:`\varepsilon_k = 2^{-k}`. Cite: balcan2009agnostic, hanneke2014theory.
    """
    k = np.arange(1, levels + 1)
    width, log = 2.0**-k, np.log(2 * size * k * (k + 1) / delta)
    return 1 + 2 * np.minimum(1, theta * (2 * noise + 4 * width)) ** 2 * log / width**2


@guarantee(
    "With probability 1 - delta A^2 keeps the best, survivors of round k err at most 2^(1-k) more, and labels are few",
    id="a2-agnostic",
    family="active learning",
    latex=r"n_k\le1+2\min(1,\theta(2\nu+4\varepsilon_k))^2\varepsilon_k^{-2}\ln\tfrac{2|\mathcal H|k(k+1)}\delta",
    cite="balcan2009agnostic",
    note="proofs_notes/a2-agnostic.md",
    bounds=WithProbability(observe.as_array, DELTA),
    ceiling=lambda theta, noise, size, delta, levels: HORIZON,
    algorithm=A2,
    cases=_a2_cases,
    mutants={"one label in two hundred": _TooFew, "drops the least errors": _DropsTheBest},
    trials=40,
)
def a2_agnostic(theta: float, noise: float, size: int, delta: float, levels: int) -> float:
    r"""Labels of the first `levels` rounds of A^2 with probability :math:`1-\delta`, for a class of a `size`, its best
    error `noise` and the disagreement coefficient `theta` there. Cite: balcan2009agnostic, hanneke2014theory.
    """
    return float(a2_labels(theta, noise, size, delta, levels).sum())
