"""Prices of live runs: tables that a user edits, and whole picodollars."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altheory import host

TABLE = """checked = 2026-11-01
[models."small"]
input = "0.15"
output = "0.60"
[models."dear"]
input = 3
output = 15
call = "0.01"
"""


def test_a_table_is_read_with_its_day_and_a_hash_of_its_text(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(TABLE)
    table = host.price_table(path)
    assert table.checked == date(2026, 11, 1)
    assert table["small"] == host.Price(150_000, 600_000)
    assert table["dear"] == host.Price(3_000_000, 15_000_000, 10**10)
    assert table["small"].cost(1000, 100) == 1000 * 150_000 + 100 * 600_000
    path.write_text(TABLE.replace("0.15", "0.16"))
    assert host.price_table(path).hash != table.hash
    with pytest.raises(ValueError, match="the price of 'other' is unknown: add it to the price table"):
        table["other"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[models."a"]\ninput = 1', "the price of 'a' lacks output"),
        ('[models."a"]\ninput = -1\noutput = 1', "at least 0"),
        ('[models."a"]\ninput = nan\noutput = 1', "finite"),
    ],
)
def test_a_rate_that_is_missing_or_no_price_is_refused(tmp_path, text, sentence):
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=sentence):
        host.price_table(path)


@given(st.decimals(0, 1000, places=14))
def test_dollars_are_rounded_up_to_whole_picodollars(money):
    made = host.pico(money)
    assert 0 <= made - money * 10**12 < 1
    assert host.pico(str(money)) == made


@given(st.binary(max_size=200), st.integers(1, 100), st.integers(0, 100))
def test_no_call_that_keeps_its_cap_costs_more_than_the_most_it_may(sent, cap, said):
    """Whatever a tokenizer makes of the bytes, and whatever the server adds to a message below its allowance."""
    price = host.Price.per_million("0.15", "0.60", "0.001")
    assert price.cost(len(sent), min(said, cap)) <= price.most(len(sent), 1, cap)
    with pytest.raises(ValueError, match="output cap"):
        price.most(len(sent), 1, 0)


def test_amounts_that_are_no_money_are_refused():
    for wrong in (-1, float("nan"), float("inf"), Decimal("-0.01")):
        with pytest.raises(ValueError, match="finite number of at least 0"):
            host.pico(wrong)
