"""Theorems on the classical algorithms of D-optimal design: what each step gains, and how many suffice."""

from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from typing import Any

import numpy as np

from altheory.designs import Iterate, away_step, frank_wolfe, multiplicative
from altheory.designs import bounds as constants
from altheory.guarantees.evidence import Always
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.pools import best, divergence, hard_pools, information, leverages

Matrix = np.ndarray
Stepper = Callable[[Matrix], Iterator[Iterate]]
Move = Callable[[int, Matrix, Matrix], tuple[Matrix, str]]
ETA = 0.3
STEPS = 60
LOST = -100.0
"""A mutant whose log det V, in coordinates where it begins at 0, falls below this has lost a dimension and ends."""

DRIFT = 1e-7
"""Rank-one updates lose digits between refactorings: a gap below this is not asked to pay off."""


def _seen(run: Any) -> np.ndarray:
    return np.asarray(run, np.float64)


def _unit(x: Matrix) -> Matrix:
    """The pool in coordinates where uniform weights have the identity as information: none of the claims changes."""
    z = x / np.abs(x).max(0)
    q, r = np.linalg.qr(z / np.sqrt(len(z)))
    return q * np.sqrt(len(z)) if np.abs(np.diag(r)).min() > 0 else z


def _stepper(move: Move) -> Stepper:
    """An algorithm from its rule `(step, weights, leverages) -> (weights, move)`."""

    def steps(x: Matrix) -> Iterator[Iterate]:
        weights, name, k = np.full(len(x), 1 / len(x)), "start", 0
        while True:
            sign, value = np.linalg.slogdet(information(x, weights))
            if sign <= 0 or value < LOST:
                return
            w = leverages(x, weights)
            yield Iterate(weights, float(value), w, name, x.shape[1])
            weights, name = move(k, weights, w)
            k += 1

    return steps


def _toward(i: int, weights: Matrix, gamma: float) -> Matrix:
    moved = (1 - gamma) * weights
    moved[i] += gamma
    return moved


def _exact(w: Matrix, d: int) -> float:
    g = float(w.max())
    return 1.0 if d == 1 else max((g / d - 1) / (g - 1), 0.0)


def _open_loop(k: int, weights: Matrix, w: Matrix) -> tuple[Matrix, str]:
    return _toward(int(np.argmax(w)), weights, 2 / (k + 3)), "toward"


def _least(k: int, weights: Matrix, w: Matrix) -> tuple[Matrix, str]:
    return _toward(int(np.argmin(w)), weights, min(_exact(w, round(float(weights @ w))), 0.99)), "toward"


def _stale(x: Matrix) -> Iterator[Iterate]:
    """A mutant: the rank-one update of the inverse has the wrong sign."""
    d = x.shape[1]
    weights = np.full(len(x), 1 / len(x))
    inverse = np.linalg.inv(information(x, weights))
    while True:
        w = np.einsum("ij,jk,ik->i", x, inverse, x)
        if w.max() > 1e9:
            return
        yield Iterate(weights, float(np.linalg.slogdet(information(x, weights))[1]), w, "toward", d)
        i, gamma = int(np.argmax(w)), min(max(_exact(w, d), 0.0), 0.9)
        u, ratio = inverse @ x[i], gamma / (1 - gamma)
        inverse = (inverse + ratio / (1 + ratio * w[i]) * np.outer(u, u)) / (1 - gamma)
        weights = _toward(i, weights, gamma)


def _first(path: list[Iterate], reached: Callable[[Iterate], bool]) -> float:
    return next((k for k, now in enumerate(path) if reached(now)), np.inf)


def _fw_cases(algorithm: Stepper, trials: int) -> Iterator[Case]:
    for name, x in hard_pools(trials):
        x, d = _unit(x), x.shape[1]
        top, start = best(x).value, constants.starting_deficit(len(x), d)
        path = list(islice(algorithm(x), max(constants.iteration_bound(ETA, d, start), STEPS)))
        gained = np.array([b.log_det - a.log_det for a, b in pairwise(path)][:STEPS])
        gaps = tuple(now.gap for now in path[:-1][:STEPS])
        deficits = tuple(max(top - now.log_det, 0.0) for now in path[:-1][:STEPS])
        after = [top - now.log_det for now in path[1:][:STEPS]]
        count = _first(path, lambda now: now.gap <= ETA) + 1
        yield Case(
            name,
            (ETA, d, start, gaps, deficits),
            np.concatenate([[count], np.exp(gained), np.exp(-gained), np.exp(after)]),
        )


@guarantee(
    "A Frank-Wolfe step gains exactly G_d(g/d - 1) in log det V, so some iterate among the first K(eta) has gap <= eta",
    id="fw-d-optimal",
    family="designs",
    latex=r"f(\pi^{k+1}) - f(\pi^k) = G_d(\varepsilon_k),\quad \min_{k<K(\eta)}\varepsilon_k \le \eta",
    cite="khachiyan1996rounding",
    note="proofs_notes/fw-d-optimal.md",
    bounds=Always(_seen, tolerance=1e-6),
    algorithm=frank_wolfe,
    cases=_fw_cases,
    mutants={
        "step 2/(k + 2)": _stepper(_open_loop),
        "the least leverage": _stepper(_least),
        "wrong sign in the update": _stale,
    },
    trials=3,
)
def fw_d_optimal(
    eta: float, d: int, deficit: float, gaps: tuple[float, ...] = (), deficits: tuple[float, ...] = ()
) -> np.ndarray:
    r"""Upper bounds on the iterates until a gap of at most `eta`, from a start of at most `deficit`, and, for steps
    from `gaps` and `deficits`, on exp(gain), on exp(-gain), and on exp(deficit after it).

    Cite: khachiyan1996rounding.
    """
    gain = np.array([constants.step_gain(max(gap, 0.0), d) for gap in gaps])
    left = np.array([constants.contract(h, d) for h in deficits])
    return np.concatenate([[constants.iteration_bound(eta, d, deficit)], np.exp(gain), np.exp(-gain), np.exp(left)])


def _away(k: int, weights: Matrix, w: Matrix, *, inside: bool) -> tuple[Matrix, str]:
    d = round(float(weights @ w))
    low = np.where(weights > 0, w, np.inf) if inside else w
    i, j = int(np.argmax(w)), int(np.argmin(low))
    if w[i] / d - 1 >= 1 - w[j] / d:
        return _toward(i, weights, min(_exact(w, d), 0.99) if d > 1 else 1.0), "toward"
    limit = -weights[j] / (1 - weights[j])
    gamma = limit if w[j] <= 1 else (w[j] - d) / (d * (w[j] - 1))
    return _toward(j, weights, gamma), "away"


def _away_cases(algorithm: Stepper, trials: int) -> Iterator[Case]:
    for name, x in hard_pools(trials):
        x, d = _unit(x), x.shape[1]
        start = constants.starting_deficit(len(x), d)
        path = list(islice(algorithm(x), 2 * constants.iteration_bound(ETA, d, start) + len(x)))
        done = _first(path, lambda now: now.slack <= ETA)
        moves = [now.move for now in path[1 : int(min(done, len(path))) + 1]]
        drops = moves.count("drop")
        steps = list(pairwise(path))[:STEPS]
        gained = np.array([b.log_det - a.log_det for a, b in steps])
        slacks = tuple(0.0 if b.move == "drop" or a.slack < DRIFT else a.slack for a, b in steps)
        negative = 1 + max(-float(now.weights.min()) for now in path)
        counts = [len(moves) - drops if np.isfinite(done) else np.inf, drops, negative]
        yield Case(name, (ETA, d, start, len(x), slacks), np.concatenate([counts, np.exp(-gained)]))


@guarantee(
    "A step with away moves gains at least G_d of the larger slack unless it drops an item, which never loses",
    id="away-step-d-optimal",
    family="designs",
    latex=r"f(\pi^{k+1}) - f(\pi^k) \ge G_d(\max(\varepsilon_+, \varepsilon_-)) \text{ unless an item is dropped}",
    cite="todd2007khachiyan",
    note="proofs_notes/away-step-d-optimal.md",
    bounds=Always(_seen, tolerance=1e-6),
    algorithm=away_step,
    cases=_away_cases,
    mutants={
        "weights may fall below zero": _stepper(lambda *seen: _away(*seen, inside=True)),
        "away from an item of no weight": _stepper(lambda *seen: _away(*seen, inside=False)),
    },
    trials=3,
)
def away_step_d_optimal(eta: float, d: int, deficit: float, support: int, slacks: tuple[float, ...] = ()) -> np.ndarray:
    """Upper bounds on the moves that drop nothing until both slacks are at most `eta`, on the drops until then, on one
    less the least weight, and, for steps from `slacks` (0 for a drop), on exp(-gain).

    The start has a deficit of at most `deficit` on `support` items. Cite: todd2007khachiyan.
    """
    moves = constants.iteration_bound(eta, d, deficit)
    gain = np.array([constants.step_gain(slack, d) for slack in slacks])
    return np.concatenate([[moves, moves + support, 1.0], np.exp(-gain)])


def _cubed(k: int, weights: Matrix, w: Matrix) -> tuple[Matrix, str]:
    moved = weights * w**3
    return moved / moved.sum(), "multiply"


def _by_the_largest(k: int, weights: Matrix, w: Matrix) -> tuple[Matrix, str]:
    return weights * w / w.max(), "multiply"


def _multiplicative_cases(algorithm: Stepper, trials: int) -> Iterator[Case]:
    for name, x in hard_pools(trials):
        x, d, n = _unit(x), x.shape[1], len(x)
        top = best(x)
        path = list(islice(algorithm(x), 40))
        deficits = np.array([top.value - now.log_det for now in path])
        apart = np.array([divergence(top.weights, now.weights) for now in path])
        moved = np.array([d * divergence(b.weights, a.weights) for a, b in pairwise(path)])
        average = np.mean([now.weights for now in path], axis=0)
        paid = deficits[:-1] / d + apart[1:]
        seen = 1 + np.concatenate([deficits, deficits, deficits[1:] + moved, paid])
        worst = leverages(x, average).max()
        yield Case(name, (len(path), n, d, tuple(deficits), tuple(apart)), np.append(seen, worst))


@guarantee(
    "Titterington's steps gain d KL, come nearer by h/d, have h_T <= d log(N/d)/(T+1) and average g <= d(N/d)^(1/T)",
    id="multiplicative-d-optimal",
    family="designs",
    latex=r"h_T \le \frac{d\log(N/d)}{T+1},\quad g(\bar\pi_T) \le d\,(N/d)^{1/T}",
    cite="yu2010monotonic",
    note="proofs_notes/multiplicative-d-optimal.md",
    bounds=Always(_seen, tolerance=1e-6),
    algorithm=multiplicative,
    cases=_multiplicative_cases,
    mutants={"exponent 3": _stepper(_cubed), "divided by g": _stepper(_by_the_largest)},
    trials=4,
)
def multiplicative_d_optimal(
    steps: int, items: int, d: int, deficits: tuple[float, ...] = (), apart: tuple[float, ...] = ()
) -> np.ndarray:
    r"""Upper bounds over `steps` iterates from uniform weights on `items`; all but the last have 1 added.

    On the deficits h_k, by :math:`d\log(N/d)/(k+1)` and, given the divergences `apart` from the optimum, by
    :math:`d\,\mathrm{KL}_k`; on :math:`h_{k+1} + d\,\mathrm{KL}(\pi^{k+1}\|\pi^k)` by :math:`h_k` (of `deficits`); on
    :math:`h_k/d + \mathrm{KL}_{k+1}` by :math:`\mathrm{KL}_k`; and on the largest leverage of the average.
    Cite: yu2010monotonic, cohen2019near.
    """
    last = np.array([constants.multiplicative_deficit(k, items, d) for k in range(len(deficits) or steps)])
    h, kl = np.array(deficits), np.array(apart)
    worst = constants.multiplicative_average_worst(steps, items, d)
    return np.append(1 + np.concatenate([last, d * kl, h[:-1], kl[:-1]]), worst)
