"""Hard instances for hypothesis: ties, copies, near-collinear rows, heavy prices, sure and impossible outcomes."""

import numpy as np
from hypothesis import strategies as st

NEAR = 1e-7


@st.composite
def pools(draw, items=(3, 9), dims=(1, 4)):
    """Rows `[n, d]` that span: copies, near copies, lengths apart by a million, whole numbers that tie."""
    d, n = draw(st.integers(*dims)), draw(st.integers(*items))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["any", "whole numbers", "copies", "nearly one line", "long and short"]))
    x = rng.standard_normal((n, d))
    if kind == "whole numbers":
        x = rng.integers(-2, 3, (n, d)).astype(float)
    if kind == "copies":
        x = x[rng.integers(0, max(n // 2, 1), n)]
    if kind == "nearly one line":
        x = x[:1] + 1e-3 * x
    if kind == "long and short":
        x = x * 10.0 ** rng.integers(-3, 4, (n, 1))
    return np.concatenate([x, np.eye(d)])


@st.composite
def laws(draw, rows=(1, 4), outcomes=(2, 4)):
    """Distributions `[m, c]`: sure, impossible, even, nearly so, and any."""
    m, c = draw(st.integers(*rows)), draw(st.integers(*outcomes))
    row = st.one_of(
        st.integers(0, c - 1).map(lambda i: np.eye(c)[i]),
        st.just(np.full(c, 1 / c)),
        st.integers(0, c - 1).map(lambda i: (1 - NEAR) * np.eye(c)[i] + NEAR / c),
        st.integers(0, 2**32 - 1).map(lambda s: np.random.default_rng(s).dirichlet(np.full(c, 0.3))),
    )
    return np.array([draw(row) for _ in range(m)])


@st.composite
def boxes(draw, k=4, atoms=3):
    """Values `[K, A]`, chances `[K, A]` and prices `[K]`: free and dear boxes, equal ones, values below zero."""
    value = st.sampled_from([-1.0, 0.0, 0.5, 0.5 + 1e-6, 1.0, 2.0, 10.0])
    values = np.array([[draw(value) for _ in range(atoms)] for _ in range(k)])
    chances = draw(laws(rows=(k, k), outcomes=(atoms, atoms)))
    prices = np.array([draw(st.sampled_from([1e-3, 0.1, 0.1 + 1e-7, 0.5, 3.0])) for _ in range(k)])
    return values, chances, prices


@st.composite
def covers(draw, items=(2, 7), elements=(2, 10)):
    """Sets `[n, e]` with weights `[e]`: copies of the largest set, sets within sets, elements of no weight."""
    n, e = draw(st.integers(*items)), draw(st.integers(*elements))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sets = rng.random((n, e)) < draw(st.sampled_from([0.1, 0.3, 0.6]))
    if draw(st.booleans()):
        sets[: n // 2] = sets[0]
    weight = rng.integers(0, 4, e).astype(float) if draw(st.booleans()) else 10.0 ** rng.integers(-3, 4, e)
    return sets, weight


@st.composite
def gaps(draw, arms=(1, 6)):
    """Means `[K]` in [0, 1]: ties for best, gaps of a thousandth, arms that never and that always pay; any order."""
    mean = st.sampled_from([0.0, 0.3, 0.5, 0.501, 0.9, 0.9, 1.0])
    means = draw(st.lists(mean, min_size=arms[0], max_size=arms[1]))
    return np.array(draw(st.permutations(means)))


accuracies = st.lists(st.sampled_from([1e-3, 0.3, 0.5, 0.5 + 1e-6, 0.7, 0.999]), min_size=1, max_size=8).map(np.array)
"""Accuracies `[n]` of annotators: nearly always wrong, of no use, nearly sure."""
