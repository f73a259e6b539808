"""Theorems that two names mean one thing: information, variance, determinants and the bonus of LinUCB."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from altheory.beliefs import finite, linear
from altheory.core import menu
from altheory.guarantees.evidence import Always, Equals
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.scores import bald, certainty_gain

ROWS, DIM, PICKS = 8, 3, 5
Widths = Callable[[np.ndarray, float, float], np.ndarray]
"""From rows, prior precision and noise to the standard deviation of each row's mean before its label, `[n]`."""


@jax.jit
def _widths(x: Any, prior: Any, noise: Any) -> Any:
    rows = menu(x)

    def step(belief: Any, t: Any) -> tuple[Any, Any]:
        row = rows[t]
        return belief.update(row, jnp.zeros((), x.dtype)), belief.std(rows)[t]

    return jax.lax.scan(step, linear(x.shape[1], prior=prior, noise=noise), jnp.arange(x.shape[0]))[1]


def widths(x: np.ndarray, prior: float, noise: float) -> np.ndarray:
    """What a linear belief that learns each row says of it beforehand."""
    with jax.enable_x64(True):
        return np.asarray(_widths(jnp.asarray(x), jnp.asarray(prior), jnp.asarray(noise)))


def _never_learned(x: np.ndarray, prior: float, noise: float) -> np.ndarray:
    """A mutant: every row as before the first label."""
    return np.linalg.norm(x, axis=1) / math.sqrt(prior)


def _doubled(width: np.ndarray, noise: float) -> np.ndarray:
    """A mutant's widths: of twice the information."""
    return np.asarray(noise * np.sqrt((1 + (width / noise) ** 2) ** 2 - 1))


def _problems() -> Iterator[tuple[str, np.ndarray, float, float]]:
    rng = np.random.default_rng(0)
    for t in range(12):
        x = rng.standard_normal((ROWS, DIM)) * rng.choice([0.1, 1.0, 3.0], (ROWS, 1))
        x[1] = x[0] * (t % 2)
        yield f"rows {t}", x, float(rng.choice([0.5, 1.0, 4.0])), float(rng.choice([0.3, 1.0]))


def _information_cases(algorithm: Widths, trials: int) -> Iterator[Case]:
    for name, x, prior, noise in _problems():
        gains = 0.5 * np.log1p((algorithm(x, prior, noise) / noise) ** 2)
        yield Case(name, (x, prior, noise), np.cumsum(gains))


@guarantee(
    "The information of Gaussian labels is the sum of half log(1 + variance / noise), and half a log determinant",
    id="gaussian-bald",
    family="unification",
    latex=r"I(\theta;y_{1:n}) = \tfrac12\ln\det(I+\sigma^{-2}X\Sigma X^\top)"
    r" = \textstyle\sum_t\tfrac12\ln(1+x_t^\top\Sigma_{t-1}x_t/\sigma^2)",
    cite="srinivas2012information",
    note="proofs_notes/gaussian-bald.md",
    bounds=Equals(as_array, tolerance=1e-6),
    algorithm=widths,
    cases=_information_cases,
    mutants={
        "labels change nothing": _never_learned,
        "without the half": lambda x, prior, noise: (
            noise * np.sqrt((1 + (widths(x, prior, noise) / noise) ** 2) ** 2 - 1)
        ),
    },
)
def gaussian_bald(x: np.ndarray, prior: float, noise: float) -> np.ndarray:
    r"""What the first t labels of rows `x [n, d]` say of :math:`\theta \sim N(0, I/\lambda)`, in nats, t up to n.

    Cite: srinivas2012information.
    """
    joint = np.eye(len(x)) + x @ x.T / (prior * noise**2)
    return np.array([np.linalg.slogdet(joint[:t, :t])[1] / 2 for t in range(1, len(x) + 1)])


def _bonus_cases(algorithm: Widths, trials: int) -> Iterator[Case]:
    for name, x, prior, _ in _problems():
        yield Case(name, (x, prior), np.cumsum(np.log1p(algorithm(x, prior, 1.0) ** 2)))


@guarantee(
    "The regret potential of LinUCB is twice the information of its queries, and log det of its design",
    id="linucb-bonus-is-g-variance",
    family="unification",
    latex=r"\textstyle\sum_t\ln(1+\|x_t\|^2_{V_{t-1}^{-1}}) = \ln\det V_n - d\ln\lambda = 2I(\theta;y_{1:n})",
    cite="abbasi2011improved",
    note="proofs_notes/linucb-bonus-is-g-variance.md",
    bounds=Equals(as_array, tolerance=1e-6),
    algorithm=widths,
    cases=_bonus_cases,
    mutants={"another regulariser": lambda x, prior, noise: widths(x, 2 * prior, noise)},
)
def linucb_bonus(x: np.ndarray, prior: float) -> np.ndarray:
    r""":math:`\ln\det(V_t/\lambda)`, :math:`V_t = \lambda I + \sum_{s\le t}x_sx_s^\top`, for t up to n.

    Cite: abbasi2011improved.
    """
    grams = np.cumsum(x[:, :, None] * x[:, None], 0)
    return np.array([np.linalg.slogdet(np.eye(x.shape[1]) + g / prior)[1] for g in grams])


Greedy = Callable[[np.ndarray, float, float], np.ndarray]
"""From a pool, prior precision and noise to the log determinant after each of a few picks."""


def _log_det(x: np.ndarray, prior: float, noise: float) -> float:
    return float(np.linalg.slogdet(np.eye(x.shape[1]) + x.T @ x / (prior * noise**2))[1])


@jax.jit
def _by_variance(x: Any, prior: Any, noise: Any) -> Any:
    rows = menu(x)

    def step(belief: Any, _: None) -> tuple[Any, Any]:
        pick = jnp.argmax(belief.std(rows))
        return belief.update(rows[pick], jnp.zeros((), x.dtype)), pick

    return jax.lax.scan(step, linear(x.shape[1], prior=prior, noise=noise), None, length=PICKS)[1]


def greedy_variance(x: np.ndarray, prior: float, noise: float) -> np.ndarray:
    """Pick the row of the largest posterior variance, again and again, as uncertainty sampling does."""
    with jax.enable_x64(True):
        picks = np.asarray(_by_variance(jnp.asarray(x), jnp.asarray(prior), jnp.asarray(noise)))
    return np.array([_log_det(x[picks[:t]], prior, noise) for t in range(1, PICKS + 1)])


def _greedy_by(gain: Callable[[np.ndarray, float, float], float]) -> Greedy:
    """Pick the row that adds most to a number of the rows picked."""

    def run(x: np.ndarray, prior: float, noise: float) -> np.ndarray:
        picks: list[int] = []
        for _ in range(PICKS):
            picks.append(int(np.argmax([gain(x[[*picks, k]], prior, noise) for k in range(len(x))])))
        return np.array([_log_det(x[picks[:t]], prior, noise) for t in range(1, PICKS + 1)])

    return run


def _minus_trace(x: np.ndarray, prior: float, noise: float) -> float:
    """A mutant's criterion: that of A-optimality."""
    return -float(np.trace(np.linalg.inv(prior * np.eye(x.shape[1]) + x.T @ x / noise**2)))


def _greedy_cases(algorithm: Greedy, trials: int) -> Iterator[Case]:
    for name, x, prior, noise in _problems():
        yield Case(name, (x, prior, noise), algorithm(x, prior, noise))


@guarantee(
    "Greedy D-optimality, greedy BatchBALD, the largest variance and the largest LinUCB width pick the same",
    id="greedy-dopt-equals-batchbald",
    family="unification",
    latex=r"\arg\max_x\ln\det(V+xx^\top) = \arg\max_x I(\theta;y_x\mid y_{S}) = \arg\max_x\|x\|_{V^{-1}}",
    cite="srinivas2012information",
    note="proofs_notes/greedy-dopt-equals-batchbald.md",
    bounds=Equals(as_array, tolerance=1e-6),
    algorithm=greedy_variance,
    cases=_greedy_cases,
    mutants={"greedy for the trace": _greedy_by(_minus_trace)},
)
def greedy_dopt(x: np.ndarray, prior: float, noise: float) -> np.ndarray:
    """The log determinant after each pick of greedy D-optimality, by determinants. Cite: srinivas2012information."""
    return _greedy_by(_log_det)(x, prior, noise)


Votes = Callable[[np.ndarray, np.ndarray], int]
"""From a table of hypotheses `[H, N]` and the true one `[N]` to the mistakes of a majority vote, item by item."""


@jax.jit
def _majority(belief: Any, truth: Any) -> Any:
    rows = menu(jnp.arange(truth.shape[0]))

    def step(belief: Any, t: Any) -> tuple[Any, Any]:
        guess = jnp.argmax(belief.probs(rows)[t])
        return belief.update(rows[t], truth[t]), guess != truth[t]

    return jax.lax.scan(step, belief, jnp.arange(truth.shape[0]))[1].sum()


def majority(table: np.ndarray, truth: np.ndarray) -> int:
    """The likeliest class under a belief that drops every hypothesis that erred."""
    return int(_majority(finite(table), jnp.asarray(truth)))


def _all_vote(table: np.ndarray, truth: np.ndarray) -> int:
    """A mutant: hypotheses that erred go on voting."""
    return int(((table.mean(0) > 0.5) != truth).sum())


def _halving_cases(algorithm: Votes, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(3)
    every = np.array(list(itertools.product([0, 1], repeat=4)))
    thresholds = (np.arange(8) >= np.arange(9)[:, None]) * 1
    random = rng.integers(0, 2, (12, 8))
    for name, table in {"all labellings": every, "thresholds": thresholds, "random": random}.items():
        yield Case(name, (len(table),), max(algorithm(table, truth) for truth in table))


@guarantee(
    "The majority of the hypotheses that never erred makes at most log2 N mistakes where one of N is right",
    id="halving-mistakes",
    family="unification",
    latex=r"\#\mathrm{mistakes} \le \lfloor\log_2N\rfloor",
    cite="littlestone1988learning",
    note="proofs_notes/halving-mistakes.md",
    bounds=Always(as_array, tolerance=0.0),
    algorithm=majority,
    cases=_halving_cases,
    mutants={"all go on voting": _all_vote},
)
def halving_mistakes(hypotheses: int) -> int:
    """The most mistakes. Cite: littlestone1988learning."""
    return math.floor(math.log2(hypotheses))


TIMES = (1, 3, 10)
"""How often a design is played."""


def _limit_cases(algorithm: Widths, trials: int) -> Iterator[Case]:
    for name, x, prior, noise in _problems():
        for times in TIMES:
            gains = np.log1p((algorithm(np.tile(x, (times, 1)), prior, noise) / noise) ** 2)
            total, n = float(gains.sum()), times * len(x)
            v = x.T @ x / len(x)
            limit = DIM * math.log(n / noise**2) + np.linalg.slogdet(v / prior)[1]
            yield Case(f"{name}, {times} times", (x, prior, noise, n), [total - limit, limit - total])


@guarantee(
    "What n plays of a design tell differs from its log determinant by at most a trace over n",
    id="infogain-dopt-limit",
    family="unification",
    latex=r"0 \le 2I(n\pi) - \bigl[d\ln\tfrac n{\sigma^2}+\ln\det\Sigma+\ln\det V(\pi)\bigr]"
    r" \le \tfrac{\sigma^2}n\mathrm{tr}(\Sigma V(\pi))^{-1}",
    cite="chaloner1995bayesian",
    note="proofs_notes/infogain-dopt-limit.md",
    bounds=Always(as_array, tolerance=1e-9),
    algorithm=widths,
    cases=_limit_cases,
    mutants={
        "played as often again": lambda x, prior, noise: widths(np.tile(x, (2, 1)), prior, noise),
        "labels change nothing": _never_learned,
    },
)
def infogain_dopt_limit(x: np.ndarray, prior: float, noise: float, n: int) -> np.ndarray:
    r"""The most that :math:`2I` may lie above its limit, and below: not at all. :math:`\pi` is even on rows `x [m, d]`.

    Cite: chaloner1995bayesian.
    """
    v = x.T @ x / len(x)
    return np.array([noise**2 / n * prior * np.trace(np.linalg.inv(v)), 0.0])


Placed = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
"""From unit rows `[n, d]` and a number of picks to the picks, and the total certainty after each."""


def certain(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Greedy certainty gain, summed over the targets, which are the items themselves."""
    with jax.enable_x64(True):
        batch = certainty_gain(jnp.asarray(x), k)
        return np.asarray(batch.picks), np.asarray(batch.values) * len(x)


def _summed(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """A mutant: each pick counts in full, whatever is near already."""
    gain = np.maximum(x @ x.T, 0).sum(0)
    picks = np.argsort(-gain, kind="stable")[:k]
    return picks, np.cumsum(gain[picks])


def _cover_cases(algorithm: Placed, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(11)
    for t in range(8):
        x = rng.standard_normal((9, 2 + t % 3)) * rng.choice([0.2, 1.0], (9, 1)) + (t % 2)
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        picks, values = algorithm(x, PICKS)
        near = np.maximum.accumulate(np.maximum(x @ x[picks].T, 0), axis=1).sum(0)
        yield Case(f"rows {t}", (x,), np.concatenate([values, near]))


@guarantee(
    "Certainty gain is facility location, and both are the greedy cover of levels that similarities reach",
    id="facility-location-is-max-cover",
    family="unification",
    latex=r"\textstyle\sum_u\max_{i\in S}s_{ui} = \sum_u\sum_l(\ell_{ul}-\ell_{u,l-1})\,"
    r"\mathbb 1[\exists i\in S: s_{ui}\ge\ell_{ul}]",
    cite="cornuejols1977location",
    note="proofs_notes/facility-location-is-max-cover.md",
    bounds=Equals(as_array, tolerance=1e-9),
    algorithm=certain,
    cases=_cover_cases,
    mutants={"gains add up": _summed},
)
def facility_location_cover(x: np.ndarray) -> np.ndarray:
    """Twice the weight that greedy max cover has covered after 1 to 5 picks, by plain loops: `[10]`.

    An element is a target and a level of similarity to it that some item reaches; its weight is the distance to the
    level below; an item covers the levels that it reaches. Cite: cornuejols1977location.
    """
    similarity = np.maximum(x @ x.T, 0)
    levels = np.sort(similarity, axis=0)
    weight = np.diff(levels, axis=0, prepend=0.0)
    covers = similarity[:, None, :] >= levels[None, :, :]
    got, covered = [], np.zeros(levels.shape, bool)
    for _ in range(PICKS):
        covered = covered | covers[int((weight * (covers & ~covered)).sum((1, 2)).argmax())]
        got.append(float((weight * covered).sum()))
    return np.array([*got, *got])


Bayes = Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, np.ndarray]]
"""From hypotheses `[H, N]`, labels of the first items and an error rate to masses `[H]` and what items tell `[N]`."""


@jax.jit
def _masses(belief: Any, labels: Any) -> Any:
    rows = menu(jnp.arange(labels.shape[0]))
    step = lambda b, t: (b.update(rows[t], labels[t]), None)  # noqa: E731
    return jax.lax.scan(step, belief, jnp.arange(labels.shape[0]))[0].weights


def bayes_finite(table: np.ndarray, labels: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """The posterior of a finite belief, and BALD before the first label."""
    with jax.enable_x64(True):
        masses = np.asarray(_masses(finite(table, noise=noise), jnp.asarray(labels)))
    one = np.where(table == 1, 1 - noise, noise)
    return masses, np.asarray(bald(jnp.asarray(np.stack([1 - one, one], -1))), np.float64)


def _surer(table: np.ndarray, labels: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """A mutant: the rate of Hedge is ln(1/noise)."""
    wrong = (table[:, : len(labels)] != labels).sum(1)
    weight = noise**wrong
    return weight / weight.sum(), bayes_finite(table, labels, noise)[1]


def _experts_cases(algorithm: Bayes, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(5)
    for t in range(10):
        table, noise = rng.integers(0, 2, (9, 6)), float(rng.choice([0.02, 0.1, 0.3]))
        labels = table[t % 9, :4] if t % 2 else rng.integers(0, 2, 4)
        masses, told = algorithm(table, labels, noise)
        alive = (table[:, :4] == labels).all(1)
        apart = np.abs(masses - alive / max(alive.sum(), 1)).sum() / 2 if alive.any() else 0.0
        cap = (len(table) - alive.sum()) / max(alive.sum(), 1) * noise / (1 - noise)
        yield Case(f"experts {t}", (table, labels, noise), np.concatenate([masses, told, [max(apart - cap, 0.0)]]))


@guarantee(
    "Bayes under label noise is Hedge on mistakes, near the version space; BALD asks what halves the votes",
    id="gbs-hedge-bayes",
    family="unification",
    latex=r"p(h\mid y) \propto e^{-\eta L_h},\ \eta=\ln\tfrac{1-\varepsilon}\varepsilon;\quad"
    r" \mathrm{BALD} = H_b(q(1-\varepsilon)+(1-q)\varepsilon)-H_b(\varepsilon)",
    cite="nowak2011geometry",
    note="proofs_notes/gbs-hedge-bayes.md",
    bounds=Equals(as_array, tolerance=1e-5),
    algorithm=bayes_finite,
    cases=_experts_cases,
    mutants={"a rate of ln(1/noise)": _surer},
)
def gbs_hedge_bayes(table: np.ndarray, labels: np.ndarray, noise: float) -> np.ndarray:
    """Hedge's weights, BALD by the share of votes, and by how much the posterior may be further from the version space
    than :math:`\\frac{N-|V|}{|V|}e^{-\\eta}` in total variation: not at all. Cite: nowak2011geometry.
    """
    rate = math.log((1 - noise) / noise)
    weight = np.exp(-rate * (table[:, : len(labels)] != labels).sum(1))
    votes = table.mean(0)
    seen = votes * (1 - noise) + (1 - votes) * noise
    return np.concatenate([weight / weight.sum(), _binary_entropy(seen) - _binary_entropy(noise), [0.0]])


def _binary_entropy(p: Any) -> Any:
    return -(p * np.log(p) + (1 - p) * np.log(1 - p))
