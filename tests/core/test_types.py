"""Menus: rows by reference, and bad input refused in one sentence."""

import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al

X = jnp.arange(12.0).reshape(4, 3)


def test_a_product_menu_shares_the_table():
    rows = al.product(X, 2)
    assert rows.table is X
    assert rows[5].table is X
    np.testing.assert_array_equal(rows.index, [0, 1, 2, 3, 0, 1, 2, 3])
    np.testing.assert_array_equal(rows.source, [0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(al.features(rows[5]), X[1])


@pytest.mark.parametrize("order", [np.arange(8), np.array([7, 0, 3, 5])])
def test_per_item_equals_per_row(order):
    rows = al.product(X, 2)
    rows = rows if len(order) == 8 else rows[order]
    np.testing.assert_array_equal(al.per_item(lambda x: x.sum(-1), rows), X.sum(-1)[order % 4])
    np.testing.assert_array_equal(al.per_item(lambda x: x.T, rows, axis=1), X.T[:, order % 4])
    np.testing.assert_array_equal(al.features(rows), X[order % 4])


def test_a_row_and_a_slice_of_a_menu():
    menu = al.menu({"x": X, "id": jnp.arange(4)}, price=jnp.arange(4.0))
    assert menu[2].x["id"] == 2
    assert menu[2].price == 2
    assert menu[jnp.array([0, 3])].open.shape == (2,)


def test_closing_only_closes():
    menu = al.menu(X, open=jnp.array([True, False, True, True])).closing(jnp.array([True, True, False, False]))
    np.testing.assert_array_equal(menu.open, [False, False, True, True])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"x": X.at[1, 2].set(jnp.nan)}, r"menu x must be finite; it has nan at \[1, 2\]: drop or impute"),
        ({"x": X, "price": jnp.array([1.0, 2.0])}, "menu price must have one entry for each of the 4 items"),
        ({"x": X, "price": -jnp.ones(4)}, "menu price must be at least 0; its smallest entry is -1"),
        ({"x": X, "noise": jnp.full(4, jnp.inf)}, "menu noise must be finite"),
        ({"x": X, "open": True}, "menu open must have one entry"),
    ],
)
def test_bad_menus_are_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        al.menu(**arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: al.counts(0), "counts arms must be a whole number of at least 1; it is 0"),
        (lambda: al.counts(2, scale=0.0), "counts scale must be above 0"),
        (lambda: al.beta_bernoulli(2, a=float("nan")), "beta_bernoulli a must be finite"),
        (lambda: al.linear(2.0), "linear dim must be a whole number"),
        (lambda: al.linear(2, prior=-1.0), "linear prior must be above 0"),
        (lambda: al.linear(2, noise=0.0), "linear noise must be above 0"),
        (lambda: al.logistic(2, 1), "logistic classes must be a whole number of at least 2"),
        (lambda: al.logistic(2, capacity=0), "logistic capacity must be a whole number of at least 1"),
        (lambda: al.logistic(2, steps=True), "logistic steps must be a whole number"),
        (lambda: al.logistic(2, prior=0.0), "logistic prior must be above 0"),
    ],
)
def test_bad_beliefs_are_one_sentence(build, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        build()
    assert "\n" not in str(error.value)
