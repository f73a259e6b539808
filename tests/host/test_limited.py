"""Rate limits: what a minute holds, and that waiting costs nothing."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altheory import host
from altheory.host.limited import Pace
from altheory.host.source import Received


@given(
    st.floats(1, 600), st.lists(st.tuples(st.floats(0, 30), st.floats(0, 20), st.floats(0, 1)), min_size=1, max_size=60)
)
def test_no_minute_holds_more_than_the_limit(per_minute, asked):
    """Whenever units are asked for: those that start within a minute, less the last grant's, are within the limit."""
    pace, now, starts = Pace(per_minute), 0.0, []
    for gap, amount, unused in asked:
        now += gap
        start = pace.grant(now, amount)
        pace.give_back(unused * amount)
        starts.append((start, amount * (1 - unused)))
        assert start >= now
    for first, (begin, _) in enumerate(starts):
        inside = [used for start, used in starts[first:] if start < begin + 60]
        assert sum(inside[:-1]) <= per_minute * (1 + 1e-9)


def test_a_lone_call_is_not_kept_waiting():
    pace = Pace(1)
    assert pace.grant(5.0, 1) == 5.0
    assert pace.grant(5.0, 1) == 65.0
    assert pace.grant(1000.0, 1) == 1000.0


class Talker:
    """Answers at once, and says that it used fewer tokens than there were bytes."""

    name = "talker"

    def request(self, text):
        return {"text": text}

    def most(self, request):
        return 10

    async def send(self, request, item):
        return Received('{"label": "a"}', 7, {"total_tokens": 4})

    def read(self, reply):
        return host.read_label(reply, ["a", "b"])


@pytest.fixture
def naps(monkeypatch):
    """The pauses that were asked for, in seconds: none is slept."""
    asked, real = [], asyncio.sleep

    async def nap(seconds):
        asked.append(seconds)
        await real(0)

    monkeypatch.setattr("altheory.host.limited.asyncio.sleep", nap)
    return asked


def bought(tmp_path, source, texts):
    async def all_of_them():
        book = host.Journal(tmp_path / "run.db", cap=1000)
        till = host.Till(book, at_once=1)
        made = [await till.buy(source, text, i) for i, text in enumerate(texts)]
        return made, book

    return asyncio.run(all_of_them())


def test_calls_are_spaced_and_answers_from_the_journal_are_not(tmp_path, naps):
    limited = host.Limited(Talker(), requests=1)
    made, _ = bought(tmp_path, limited, ["x", "y", "z", "x"])
    assert [b.cached for b in made] == [False, False, False, True]
    assert len(naps) == 3
    assert naps[1] > 50
    assert naps[2] > 110  # nothing was slept: the third call's turn is two minutes after the first's


def test_tokens_that_were_not_used_are_given_back(tmp_path, naps):
    bought(tmp_path, host.Limited(Talker(), tokens=4), ["x" * 1000, "y"])
    assert naps[1] < 61  # 4 tokens used: one minute, not the thousand bytes' 250


def test_a_call_given_up_while_it_waits_costs_nothing(tmp_path):
    async def leave():
        book = host.Journal(tmp_path / "run.db", cap=1000)
        till, limited = host.Till(book), host.Limited(Talker(), requests=1)
        await till.buy(limited, "x", 0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(till.buy(limited, "y", 1), 0.05)
        return book

    book = asyncio.run(leave())
    assert (book.account.spent, book.account.held, len(book.attempts())) == (7, 0, 1)


def test_limits_that_are_none_are_refused():
    with pytest.raises(ValueError, match="needs requests or tokens a minute"):
        host.Limited(Talker())
    for wrong in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="finite number above 0 a minute"):
            host.Limited(Talker(), tokens=wrong)
