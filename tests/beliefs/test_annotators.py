"""Label models: each EM against plain numpy, what they find where the truth is known, and what they refuse."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import altheory as al
from altheory.beliefs.annotators.labels import evidence, shares, tally, votes

KERNELS = (al.dawid_skene, al.one_coin, al.mace)
every_model = pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.__name__)


def normal(x):
    return x / x.sum(-1, keepdims=True)


def joint(labels, confusion, prior):
    """Log P(labels, class) `[items, C]`, label by label."""
    table = np.log(np.tile(prior, (labels[:, 0].max() + 1, 1)))
    for i, w, y in labels:
        table[i] += np.log(confusion[w][:, y])
    return table


def slow(name, labels, sizes, alpha, steps):
    """The three models in loops: M step, E step, as their papers have them; returns posterior, confusion, objective."""
    items, workers, classes = sizes
    q = np.array([np.bincount(labels[labels[:, 0] == i, 2], minlength=classes) for i in range(items)], float)
    q = np.where(q.sum(1, keepdims=True) > 0, q / np.maximum(q.sum(1, keepdims=True), 1), 1 / classes)
    theta, habit, heights = np.full(workers, 0.5), np.full((workers, classes), 1 / classes), []
    for _ in range(steps):
        prior = normal(q.sum(0) + alpha)
        confusion, logs = np.zeros((workers, classes, classes)), np.log(prior).sum()
        for w in range(workers):
            mine = labels[labels[:, 1] == w]
            if name == "dawid_skene":
                for i, _, y in mine:
                    confusion[w, :, y] += q[i]
                confusion[w] = normal(confusion[w] + alpha)
                logs += np.log(confusion[w]).sum()
            elif name == "one_coin":
                right = sum(q[i, y] for i, _, y in mine)
                a = (right + alpha) / (len(mine) + 2 * alpha)
                confusion[w] = np.where(np.eye(classes) > 0, a, (1 - a) / (classes - 1))
                logs += np.log(a) + np.log(1 - a)
            else:
                copied = [q[i, y] * theta[w] / (theta[w] + (1 - theta[w]) * habit[w, y]) for i, _, y in mine]
                spam = alpha + np.bincount(mine[:, 2], 1 - np.array(copied), minlength=classes)
                theta[w] = (sum(copied) + alpha) / (len(mine) + 2 * alpha)
                habit[w] = normal(spam)
                confusion[w] = theta[w] * np.eye(classes) + (1 - theta[w]) * habit[w]
                logs += np.log(theta[w]) + np.log(1 - theta[w]) + np.log(habit[w]).sum()
        table = joint(labels, confusion, prior)
        top = table.max(1, keepdims=True)
        total = top[:, 0] + np.log(np.exp(table - top).sum(1))
        q = np.exp(table - total[:, None])
        heights.append(total.sum() + alpha * logs)
    return q, confusion, np.array(heights)


def simulated(rng, items, workers, classes, each, confusion=None):
    """Labels of `each` random workers an item, the truth, and the workers' confusion matrices."""
    if confusion is None:
        confusion = rng.dirichlet(np.ones(classes), (workers, classes)) + 2 * np.eye(classes)
        confusion = normal(confusion)
    truth = rng.integers(0, classes, items)
    rows = []
    for i in range(items):
        for w in rng.permutation(workers)[:each]:
            rows.append((i, w, rng.choice(classes, p=confusion[w, truth[i]])))
    return rng.permutation(np.array(rows)), truth, confusion


@every_model
@pytest.mark.parametrize(("classes", "alpha"), [(2, 0.01), (3, 1.0)])
def test_it_is_em_as_written_down(kernel, classes, alpha):
    labels, _, _ = simulated(np.random.default_rng(classes), 25, 6, classes, 3)
    labels = np.concatenate([labels, labels[:4], [[24, 5, classes - 1]]])  # a worker may say it twice, or both
    sizes = (25, 6, classes)
    with jax.enable_x64(True):
        found = kernel(labels, smoothing=alpha, steps=12, tol=0.0)
    posterior, confusion, heights = slow(kernel.__name__, labels, sizes, alpha, 12)
    np.testing.assert_allclose(found.posterior, posterior, atol=1e-9)
    np.testing.assert_allclose(found.confusion, confusion, atol=1e-9)
    np.testing.assert_allclose(found.objective, heights, rtol=1e-9)
    assert int(found.taken) == 12


@every_model
def test_the_objective_never_falls_and_em_stops_by_itself(kernel):
    """Also with annotators who are wrong on purpose, an item and a class that no one has a label for."""
    rng = np.random.default_rng(3)
    against = normal(np.eye(4)[[1, 0, 3, 2]] + 0.05)
    labels, _, _ = simulated(rng, 40, 5, 4, 3, np.stack([against] * 3 + [np.full((4, 4), 0.25)] * 2))
    labels = labels[labels[:, 2] < 3]
    with jax.enable_x64(True):
        for alpha in (0.0, 0.3):
            found = kernel(labels, items=41, classes=4, smoothing=alpha, steps=400, tol=1e-4)
            taken = int(found.taken)
            assert 1 < taken < 400
            assert (np.diff(found.objective[:taken]) >= -1e-9).all()
            assert np.isnan(found.objective[taken:]).all()
            np.testing.assert_allclose(np.asarray(found.posterior).sum(1), 1)
            np.testing.assert_allclose(found.posterior[40], found.prior, atol=1e-6)


def test_good_workers_outvote_many_poor_ones_and_their_confusions_are_found():
    rng = np.random.default_rng(5)
    good, poor = normal(np.eye(3) + 0.02), np.full((3, 3), 1 / 3)
    labels, truth, confusion = simulated(rng, 400, 12, 3, 12, np.stack([good] * 3 + [poor] * 9))
    majority = (np.asarray(al.vote_shares(labels)).argmax(1) == truth).mean()
    for kernel in KERNELS:
        found = kernel(labels)
        assert (np.asarray(found.posterior).argmax(1) == truth).mean() > majority + 0.05
        np.testing.assert_allclose(found.confusion[:3], confusion[:3], atol=0.08)
        assert found.competence[:3].min() > found.competence[3:].max() + 0.3


def test_a_weight_counts_a_label_so_many_times():
    labels, _, _ = simulated(np.random.default_rng(7), 20, 4, 2, 3)
    weight = np.random.default_rng(8).integers(0, 3, len(labels))
    twice = np.repeat(labels, weight, axis=0)
    for kernel in KERNELS:
        one = kernel(labels, weight=weight, steps=5, tol=0.0)
        other = kernel(twice, items=20, workers=4, classes=2, steps=5, tol=0.0)
        np.testing.assert_allclose(one.posterior, other.posterior, atol=1e-5)
    np.testing.assert_allclose(al.vote_shares(labels, weight=weight), al.vote_shares(twice, items=20), atol=1e-6)


def test_known_classes_stay_known_and_turn_a_mirrored_answer_round():
    """Most annotators say the opposite: without help the answer is mirrored, with a few known items it is right."""
    rng = np.random.default_rng(9)
    honest, liar = normal(np.eye(2) + 0.1), normal(1 - np.eye(2) + 0.1)
    labels, truth, _ = simulated(rng, 200, 7, 2, 7, np.stack([honest] * 2 + [liar] * 5))
    known = np.where(np.arange(200) < 20, truth, -1)
    assert (np.asarray(al.dawid_skene(labels).posterior).argmax(1) == truth).mean() < 0.1
    told = al.dawid_skene(labels, known=known)
    assert (np.asarray(told.posterior).argmax(1) == truth).mean() > 0.9
    np.testing.assert_array_equal(told.posterior[:20], np.eye(2)[truth[:20]])


def test_a_table_with_gaps_becomes_triples():
    table = np.array([[0.0, np.nan, 1.0], [-1, 2, 0]])
    np.testing.assert_array_equal(al.triples(table), [[0, 0, 0], [0, 2, 1], [1, 1, 2], [1, 2, 0]])
    np.testing.assert_allclose(al.vote_shares(al.triples(table), items=3)[::2], [[0.5, 0.5, 0], [1 / 3] * 3])


@given(st.integers(0, 10_000))
def test_sums_over_sorted_triples_are_the_sums(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, (5, 4, 3), (11, 3))
    data = votes(labels, items=5, workers=4, classes=3, weight=rng.random(11))
    q, logs = rng.dirichlet(np.ones(3), 5), rng.normal(size=(4, 3, 3))
    counts, said, total = np.zeros((4, 3, 3)), np.zeros((5, 3)), np.zeros((5, 3))
    for i, cell, weight in zip(*(np.asarray(a) for a in data[:3]), strict=True):
        w, y = divmod(cell, 3)
        counts[w, :, y] += weight * q[i]
        said[i] += weight * logs[w, :, y]
        total[i, y] += weight
    np.testing.assert_allclose(tally(q.astype(np.float32), data), counts, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(evidence(logs.astype(np.float32), data), said, rtol=1e-4, atol=1e-5)
    rows = np.where(total.sum(1, keepdims=True) > 0, total / np.maximum(total.sum(1, keepdims=True), 1e-9), 1 / 3)
    np.testing.assert_allclose(shares(data), rows, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (
            np.zeros((3, 2), int),
            {},
            r"labels must be \[n, 3\] triples of \(item, worker, label\); their shape is",
        ),
        (np.zeros((0, 3), int), {}, r"labels must be \[n, 3\] triples"),
        (np.array([[0, 0, -1]]), {}, "labels must hold whole numbers of at least 0"),
        (np.array([[0, 0, 0.5]]), {}, "labels must hold whole numbers of at least 0; their type is float64"),
        (np.array([[4, 0, 1]]), {"items": 4}, "labels name 5 items and items=4 was given"),
        (np.array([[0, 0, 1]]), {"weight": [1.0, 2.0]}, "weight must have one entry for each of the 1 labels"),
        (np.array([[0, 0, 1]]), {"weight": [-1.0]}, "weight must be at least 0"),
        (np.array([[0, 0, 1]]), {"known": [0.5]}, "known must hold one class for each of the 1 items"),
        (np.array([[0, 0, 1]]), {"smoothing": -1.0}, "smoothing must be at least 0"),
        (np.array([[0, 0, 1]]), {"steps": 0}, "steps must be a whole number of at least 1"),
    ],
)
def test_what_it_refuses(labels, options, message):
    with pytest.raises(ValueError, match=message):
        al.dawid_skene(labels, **options)


def test_a_table_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"must be \[items, workers\]"):
        al.triples([1, 0])
    with pytest.raises(ValueError, match="must hold whole numbers"):
        al.triples([[0.5, 1.0]])


def test_errors_together_are_the_correlations_of_their_indicators():
    rng = np.random.default_rng(11)
    truth = rng.integers(0, 3, 80)
    table = np.where(rng.random((80, 4)) < 0.5, truth[:, None], rng.integers(0, 3, (80, 4)))
    table[:, 1] = table[:, 0]
    found = al.error_dependence(al.triples(table), truth)
    expected = np.corrcoef((table != truth[:, None]).T)
    np.testing.assert_allclose(found.correlation, expected, atol=1e-12)
    assert found.mean == pytest.approx(expected[np.triu_indices(4, 1)].mean())
    assert found.effective == pytest.approx(4 / (1 + 3 * found.mean))
    part = np.where(np.arange(80) < 30, truth, -1)
    np.testing.assert_allclose(
        al.error_dependence(al.triples(table), part).correlation,
        np.corrcoef((table[:30] != truth[:30, None]).T),
        atol=1e-12,
    )


def test_what_dependent_annotators_are_worth_is_the_variance_of_their_mean():
    """Of judges who copy one another with correlation 0.3, the mean errs as that of `worth(m)` independent ones."""
    rng = np.random.default_rng(12)
    together, copies = rng.random((20_000, 1)) < 0.4, rng.random((20_000, 12)) < np.sqrt(0.3)
    wrong = np.where(copies, together, rng.random((20_000, 12)) < 0.4)
    found = al.error_dependence(al.triples(wrong.astype(int)), np.zeros(20_000, int))
    assert found.mean == pytest.approx(0.3, abs=0.01)
    assert wrong.mean(1).var() == pytest.approx(0.24 / found.worth(12), rel=0.03)


def test_dependence_needs_pairs():
    with pytest.raises(ValueError, match="no two annotators share two items"):
        al.error_dependence(np.array([[0, 0, 1], [1, 1, 0]]), np.array([0, 1]))
    with pytest.raises(ValueError, match="truth must hold one class for each item"):
        al.error_dependence(np.array([[3, 0, 1]]), np.array([0, 1]))
