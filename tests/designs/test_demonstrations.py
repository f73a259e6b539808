"""Demonstrations chosen by asking a model."""

import numpy as np
import pytest

import altheory as al


def gaussian(x, noise=0.5):
    """A model whose uncertainty is the mean posterior variance over the pool: labels play no part."""

    def uncertainty(shown):
        rows = x[[i for i, _ in shown]]
        covariance = np.linalg.inv(np.eye(x.shape[1]) + rows.T @ rows / noise**2)
        return float(np.einsum("ij,jk,ik->i", x, covariance, x).mean())

    return uncertainty


def test_in_a_gaussian_model_asking_equals_the_formula():
    x = np.random.default_rng(0).normal(size=(25, 3))
    law = np.array([0.3, 0.7])
    picks, path = al.sal_greedy(25, 6, uncertainty=gaussian(x), law=lambda shown, i: law, answer=lambda i: i % 2)
    formula = al.go_greedy(x, 6, rule="mean", noise=0.5)
    np.testing.assert_array_equal(picks, formula.picks)
    np.testing.assert_allclose(path, formula.mean, rtol=1e-9)


def test_labels_matter_where_the_model_says_so():
    """Only item 2's label tells anything, and only when it is 1, which the law makes certain."""

    def uncertainty(shown):
        return 0.1 if (2, 1) in shown else 1.0

    def sure(shown, item):
        return [0.0, 1.0] if item == 2 else [0.5, 0.5]

    picks, path = al.sal_greedy(4, 1, uncertainty=uncertainty, law=sure, answer=lambda i: 1)
    assert picks.tolist() == [2]
    assert path.tolist() == [1.0, 0.1]
    picks, path = al.sal_greedy(4, 1, uncertainty=uncertainty, law=lambda s, i: [1.0, 0.0], answer=lambda i: 0)
    assert path[-1] == 1.0


@pytest.mark.parametrize(
    ("n", "law", "sentence"), [(0, [1.0], "1..3"), (4, [1.0], "1..3"), (1, [0.5, 0.6], "probability")]
)
def test_bad_input_is_one_sentence(n, law, sentence):
    with pytest.raises(ValueError, match=sentence):
        al.sal_greedy(3, n, uncertainty=lambda s: 1.0, law=lambda s, i: law, answer=lambda i: 0)
