"""Theorems on what an optimal design is: certificates, support, starts, rounding, contrasts."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.optimize import linprog

from altheory.designs import apportion, c_optimal, kumar_yildirim, optimal_design, reduce_support, xy_optimal
from altheory.designs import bounds as constants
from altheory.designs.compare import drop_one
from altheory.guarantees.evidence import Always, Equals
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.pools import best, hard_pools, information, leverages, log_det

Matrix = np.ndarray


def _seen(run: Any) -> np.ndarray:
    return np.atleast_1d(np.asarray(run, np.float64))


def _certificate(x: Matrix, weights: Matrix) -> tuple[Matrix, float, int]:
    """Leverages, the largest, and the dimension."""
    w = leverages(x, weights)
    return w, float(w.max()), x.shape[1]


def _support_only(x: Matrix, weights: Matrix) -> tuple[Matrix, float, int]:
    w, _, d = _certificate(x, weights)
    return w, float(w[weights > 0].max()), d


def _no_dimension(x: Matrix, weights: Matrix) -> tuple[Matrix, float, int]:
    w, g, d = _certificate(x, weights)
    return w, g / d, 1


def _other_information(x: Matrix, weights: Matrix) -> tuple[Matrix, float, int]:
    return _certificate(x, np.full(len(x), 1 / len(x)))


def _kw_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(1)
    for name, x in hard_pools(trials):
        top = best(x)
        for how, weights in _weights(x, top.weights, rng):
            w, g, d = algorithm(x, weights)
            deficit = top.value - log_det(x, weights)
            mean = float(weights @ w) / x.shape[1]
            seen = [np.exp(deficit), np.exp(-deficit), 1 / g, mean, 1 / mean, (weights * w).max()]
            yield Case(f"{name}, {how}", (g, d), seen)


def _weights(x: Matrix, optimal: Matrix, rng: np.random.Generator) -> Iterator[tuple[str, Matrix]]:
    """Weights with tiny and with zero entries whose support spans, and the optimum."""
    n, d = x.shape
    yield "even", rng.dirichlet(np.ones(n))
    tiny = rng.dirichlet(np.full(n, 0.3)) + 1e-5
    yield "tiny", tiny / tiny.sum()
    sparse = np.zeros(n)
    sparse[kumar_yildirim(x)] = 1 / d
    yield "zeros", sparse
    yield "near the optimum", 0.99 * optimal + 0.01 / n


@guarantee(
    "G_d(g/d - 1) <= log det V* - log det V <= d log(g/d), sum pi_i w_i = d, pi_i w_i <= 1 and g >= d for every design",
    id="kw-equivalence",
    family="designs",
    latex=r"G_d(g/d-1) \le f^\star - f(\pi) \le d\log(g/d),\quad \sum_i\pi_iw_i = d \le g",
    cite="kiefer1960equivalence",
    note="proofs_notes/kw-equivalence.md",
    bounds=Always(_seen, tolerance=1e-6),
    algorithm=_certificate,
    cases=_kw_cases,
    mutants={
        "largest over the support only": _support_only,
        "missing d": _no_dimension,
        "V of another design": _other_information,
    },
    trials=5,
)
def kw_equivalence(worst: float, d: int) -> np.ndarray:
    """Upper bounds on exp(h) of the deficit h, exp(-h), 1/g, the mean leverage over d, its inverse, max pi_i w_i.

    `worst` is the largest leverage g. Cite: kiefer1960equivalence.
    """
    low, high = constants.log_det_interval(worst, d)
    return np.array([np.exp(high), np.exp(-low), 1 / d, 1.0, 1.0, 1.0])


def _full_step(x: Matrix, weights: Matrix) -> Matrix:
    """A mutant: each move along a null direction goes to the last zero."""
    columns = np.concatenate([x[:, i : i + 1] * x[:, i:] for i in range(x.shape[1])] + [np.ones((len(x), 1))], 1)
    c = np.linalg.svd(columns, full_matrices=True)[0][:, -1]
    c = c if c.max() > -c.min() else -c
    return weights - np.max(weights[c > 0] / c[c > 0]) * c


def _caratheodory_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(2)
    for name, x in hard_pools(trials):
        for weights in (rng.dirichlet(np.ones(len(x))), rng.dirichlet(np.full(len(x), 0.2)) + 1e-7):
            weights = weights / weights.sum()
            root = np.linalg.cholesky(information(x, weights))
            z = np.linalg.solve(root, x.T).T
            w = algorithm(x, weights)
            size = np.linalg.eigvalsh(information(z, w))
            mass = [w.sum(), 2 - w.sum(), np.abs(w).sum()]
            yield Case(name, (x.shape[1],), [np.count_nonzero(w), *mass, size[-1], 2 - size[0]])
        yield _optimal_support(algorithm, name, x)


def _optimal_support(algorithm: Callable[..., Any], name: str, x: Matrix) -> Case:
    """A D-optimal design spread over copies of its items, brought down to one item fewer."""
    d = x.shape[1]
    copies, shares = np.concatenate([x, x, -x]), np.tile(best(x).weights, 3) / 3
    z = np.linalg.solve(np.linalg.cholesky(information(copies, shares)), copies.T).T
    w = drop_one(z, algorithm(z, shares))
    size = np.linalg.eigvalsh(information(z, w))
    seen = [np.count_nonzero(w), w.sum(), 2 - w.sum(), np.abs(w).sum(), size[-1], 2 - size[0]]
    return Case(f"{name}, optimal", (d, True), seen)


@guarantee(
    "Any design has one with the same information and mass on at most d(d+1)/2 + 1 items; a D-optimal one on d(d+1)/2",
    id="caratheodory-support",
    family="designs",
    latex=r"V(\pi') = V(\pi),\quad |\mathrm{supp}\,\pi'| \le \tfrac{d(d+1)}2 + 1",
    cite="pukelsheim2006optimal",
    note="proofs_notes/caratheodory-support.md",
    bounds=Always(_seen, tolerance=1e-6),
    algorithm=reduce_support,
    cases=_caratheodory_cases,
    mutants={"full step instead of the first zero": _full_step, "nothing removed": lambda x, weights: weights},
    trials=5,
)
def caratheodory_support(d: int, optimal: bool = False) -> np.ndarray:
    """Upper bounds on the items in the support of any design, or of one that is D-`optimal`, on the mass m, 2 - m, the
    mass of absolute weights, and the extreme eigenvalues a, b of the new information relative to the old, as b and
    2 - a.

    Cite: pukelsheim2006optimal.
    """
    return np.array([d * (d + 1) // 2 + (not optimal), 1.0, 1.0, 1.0, 1.0, 1.0])


def _same_direction(x: Matrix) -> Matrix:
    """A mutant: directions are not made orthogonal to the items picked."""
    rng = np.random.default_rng(0)
    return np.array([np.argmax(np.abs(x @ rng.standard_normal(x.shape[1]))) for _ in range(x.shape[1])])


def _ky_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    for name, x in hard_pools(trials):
        d = x.shape[1]
        scale = np.abs(x).max(0)
        start = 2 * (np.linalg.slogdet(x[algorithm(x)] / scale)[1] + np.log(scale).sum()) - d * np.log(d)
        yield Case(name, (d,), [best(x).value - start])


@guarantee(
    "Uniform weights on Kumar and Yildirim's d items are within d log d of the largest log det V, whatever N",
    id="ky-init",
    family="designs",
    latex=r"f^\star - f(\pi_0) \le d\log d",
    cite="kumar2005minimum",
    note="proofs_notes/ky-init.md",
    bounds=Always(_seen, tolerance=1e-6),
    algorithm=kumar_yildirim,
    cases=_ky_cases,
    mutants={"the first d rows": lambda x: np.arange(x.shape[1]), "not made orthogonal": _same_direction},
    trials=8,
)
def ky_init(d: int) -> float:
    """The largest deficit of the start. Cite: kumar2005minimum."""
    return constants.starting_deficit(d, d, kumar_yildirim=True)


def _allocations(n: int, p: int) -> Iterator[tuple[int, ...]]:
    if p == 1:
        yield (n,)
        return
    for first in range(n + 1):
        for rest in _allocations(n - first, p - 1):
            yield (first, *rest)


def _nearest(weights: Matrix, n: int) -> Matrix:
    return np.rint(n * weights).astype(int)


def _largest_remainder(weights: Matrix, n: int) -> Matrix:
    counts = np.floor(n * weights).astype(int)
    counts[np.argsort(counts - n * weights, kind="stable")[: n - counts.sum()]] += 1
    return counts


def _rounding_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(3)
    for i in range(trials):
        p, n = 1 + i % 4, 4 + i % 9
        weights = rng.dirichlet(np.full(p, 0.5)) * 0.97 + 0.03 / p
        x = rng.standard_normal((p, p)) * 10.0 ** rng.uniform(-3, 3, (p, 1))
        counts = algorithm(weights, n)
        loss = float(np.max(weights / np.maximum(counts, 1e-300)))
        optimum = max(min(np.array(a) / weights) for a in _allocations(n, p))
        g = float(leverages(x, weights).max())
        worst = float(leverages(x, counts).max()) if counts.min() > 0 else np.inf
        yield Case(
            f"{p} items, n = {n}", (n, p, g, optimum), [loss, loss, counts.sum(), 1 / max(counts.sum(), 1), worst]
        )


@guarantee(
    "Adams apportionment of n maximises min n_i/pi_i, which is at least n - p + 1, so worst variance <= g/(n - p + 1)",
    id="efficient-rounding",
    family="designs",
    latex=r"\min_in_i/\pi_i \ge n - p + 1,\quad \max_i\|x_i\|^2_{V_n^{-1}} \le \frac{g(\pi)}{n - p + 1}",
    cite="pukelsheim1992efficient",
    note="proofs_notes/efficient-rounding.md",
    bounds=Always(_seen, tolerance=1e-7),
    algorithm=apportion,
    cases=_rounding_cases,
    mutants={
        "nearest integers": _nearest,
        "largest remainders": _largest_remainder,
        "half the correction": lambda weights, n: np.ceil((n - len(weights) / 4) * weights).astype(int),
    },
    trials=60,
)
def efficient_rounding(n: int, support: int, worst: float = 1.0, optimum: float = 0.0) -> np.ndarray:
    """Upper bounds on max pi_i/n_i (the theorem's, and one over the `optimum` of min n_i/pi_i by enumeration), on the
    total and its inverse, and on the largest variance, for a design of largest leverage `worst` on `support` items.

    Cite: pukelsheim1992efficient.
    """
    factor = constants.rounding_factor(n, support)
    return np.array([1 / factor, 1 / optimum if optimum > 0 else np.inf, n, 1 / n, worst / factor])


def _contrast_variance(x: Matrix, c: Matrix, weights: Matrix) -> float:
    r""":math:`c^\top V^-c`, by least squares: the least :math:`\sum\beta_i^2/\pi_i` over :math:`\sum\beta_ix_i = c`."""
    live = weights > 1e-12
    rows = x[live].T * np.sqrt(weights[live])
    beta = np.linalg.lstsq(rows, c, rcond=1e-12)[0]
    return float(beta @ beta) if np.abs(rows @ beta - c).max() <= 1e-7 * np.abs(c).max() else np.inf


def _squared(x: Matrix, c: Matrix) -> Matrix:
    weights = c_optimal(x, c).weights ** 2
    return weights / weights.sum()


def _elfving_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(4)
    for name, x in hard_pools(trials):
        x = x / np.abs(x).max(0)
        c = rng.standard_normal(len(x)) @ x
        yield Case(name, (x, c), [_contrast_variance(x, c, algorithm(x, c))])
    levels = np.linspace(-1, 1, 41)
    x, c = np.stack([levels**0, levels, levels**2], 1), np.array([1.0, 2.0, 4.0])
    yield Case("extrapolation", (x, c), [_contrast_variance(x, c, algorithm(x, c))])


@guarantee(
    "The least variance of a contrast is the square of the least l1 norm of its coefficients, and |beta| attains it",
    id="c-optimal-elfving",
    family="designs",
    latex=r"\min_\pi c^\top V(\pi)^-c = \Bigl(\min\{\|\beta\|_1 : \textstyle\sum_i\beta_ix_i = c\}\Bigr)^2",
    cite="elfving1952optimum",
    note="proofs_notes/c-optimal-elfving.md",
    bounds=Equals(_seen, tolerance=1e-6),
    algorithm=lambda x, c: c_optimal(x, c).weights,
    cases=_elfving_cases,
    mutants={
        "squared weights": _squared,
        "A-optimal weights": lambda x, c: optimal_design(x, "a", tol=1e-4).weights,
    },
    trials=4,
)
def c_optimal_elfving(x: Matrix, c: Matrix) -> float:
    r"""The least variance of the contrast `c [d]` on `x [N, d]`: :math:`(\max\{c^\top u: |x_i^\top u| \le 1\})^2`, the
    dual programme.

    Cite: elfving1952optimum.
    """
    both = np.concatenate([x, -x])
    found = linprog(-c, A_ub=both, b_ub=np.ones(len(both)), bounds=(None, None), method="highs")
    return float(found.fun) ** 2


def _lower(x: Matrix, targets: Matrix, weights: Matrix, mixture: Matrix) -> float:
    r"""The dual bound :math:`(\mathrm{tr}AV^{-1})^2/\max_ix_i^\top V^{-1}AV^{-1}x_i`."""
    return _dual(x, targets, weights, mixture, np.max)


def _mean_below(x: Matrix, targets: Matrix, weights: Matrix, mixture: Matrix) -> float:
    return _dual(x, targets, weights, mixture, np.mean)


def _dual(x: Matrix, targets: Matrix, weights: Matrix, mixture: Matrix, over: Callable[..., Any]) -> float:
    inverse = np.linalg.inv(information(x, weights))
    a = information(targets, mixture)
    along = x @ inverse
    return float(np.trace(a @ inverse) ** 2 / over(np.einsum("ij,jk,ik->i", along, a, along)))


def _xy_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(5)
    for i in range(trials):
        d = 1 + i % 4
        x = rng.standard_normal((15, d)) * 10.0 ** rng.uniform(-1.5, 0, (15, 1))
        differences = x[:, None] - x[None]
        for name, targets in (
            ("differences", differences.reshape(-1, d)),
            ("others", rng.standard_normal((7, d))),
            ("the pool", x),
        ):
            design = xy_optimal(x, targets, tol=1e-7)
            mixtures = [rng.dirichlet(np.full(len(targets), 0.1)) for _ in range(10)]
            weights = [0.9 * design.weights + 0.1 * rng.dirichlet(np.ones(15)) for _ in range(10)]
            seen = [algorithm(x, targets, w, nu) for w, nu in zip(weights, mixtures, strict=True)]
            if name == "the pool":
                w = 0.999 * design.weights + 0.001 / 15
                seen.append(algorithm(x, x, w, w))
                seen.append(d**2 / leverages(x, w).max() - 1e-9)
            yield Case(f"{name} {i}", (x, targets, design.weights), seen)
            if name == "differences":
                yield Case(f"4d {i}", (x, None, None), [design.value])


@guarantee(
    "(tr A V^-1)^2 / max_i x_i' V^-1 A V^-1 x_i <= min over designs of the largest target variance, for any mixture A",
    id="xy-optimal-certificate",
    family="designs",
    latex=r"\frac{(\mathrm{tr}\,AV^{-1})^2}{\max_i\|V^{-1}x_i\|_A^2} \le \min_{\pi'}\max_j\|y_j\|^2_{V(\pi')^{-1}}",
    cite="pukelsheim2006optimal",
    note="proofs_notes/xy-optimal-certificate.md",
    bounds=Always(_seen, tolerance=1e-6),
    algorithm=_lower,
    cases=_xy_cases,
    mutants={"mean in the denominator": _mean_below},
    trials=8,
)
def xy_optimal_certificate(x: Matrix, targets: Matrix | None, weights: Matrix | None) -> float:
    """The largest target variance of a design `weights [N]` on `x [N, d]`: no dual value exceeds it.

    With `targets` None it is 4d, which the best design on the pool's own differences does not exceed.
    Cite: pukelsheim2006optimal.
    """
    if targets is None or weights is None:
        return 4.0 * x.shape[1]
    return float(np.einsum("ij,ji->i", targets, np.linalg.solve(information(x, weights), targets.T)).max())
