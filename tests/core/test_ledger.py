"""The ledger against books of its own, in any order of calls."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from altheory import Ledger, micro

BUDGET = 1000
amounts = st.integers(0, BUDGET + 50)


class Calls(RuleBasedStateMachine):
    """Calls that reserve, end, are called off, or are settled twice, interleaved at will."""

    open = Bundle("open")
    ended = Bundle("ended")

    def __init__(self):
        super().__init__()
        self.ledger, self.held, self.spent, self.excess = Ledger(BUDGET), {}, 0, 0

    @rule(target=open, most=amounts)
    def reserve(self, most):
        free = BUDGET - self.spent - sum(self.held.values())
        self.ledger, ticket = self.ledger.reserve(most)
        assert (ticket is None) == (most > free)
        if ticket is not None:
            assert ticket not in self.held
            self.held[ticket] = most
        return ticket

    @rule(target=ended, ticket=consumes(open), cost=amounts)
    def settle(self, ticket, cost):
        if ticket is not None:
            most = self.held.pop(ticket)
            self.ledger = self.ledger.settle(ticket, cost)
            self.spent, self.excess = self.spent + cost, self.excess + max(cost - most, 0)
        return ticket

    @rule(target=ended, ticket=consumes(open))
    def cancel(self, ticket):
        if ticket is not None:
            del self.held[ticket]
            self.ledger = self.ledger.cancel(ticket)
        return ticket

    @rule(ticket=ended, cost=amounts, settles=st.booleans())
    def again(self, ticket, cost, settles):
        with pytest.raises(ValueError, match="not outstanding"):
            self.ledger.settle(ticket, cost) if settles else self.ledger.cancel(ticket)

    @invariant()
    def books_agree_and_the_budget_holds(self):
        assert self.ledger.spent == self.spent
        assert self.ledger.reserved == self.held
        assert self.ledger.free == BUDGET - self.spent - sum(self.held.values())
        assert self.spent + self.ledger.outstanding <= BUDGET + self.excess


TestCalls = Calls.TestCase
TestCalls.settings = settings(deadline=None, derandomize=True, max_examples=60, stateful_step_count=30)


def test_a_ledger_is_a_value():
    before = Ledger(10)
    after, ticket = before.reserve(4)
    assert (before.free, after.free) == (10, 6)
    assert after.settle(ticket, 3).free == 7
    assert after.free == 6


@pytest.mark.parametrize(
    ("money", "units"), [(0.1, 100_000), ("0.0000001", 1), (0, 0), (2, 2_000_000), (1e-6, 1), (0.3, 300_000)]
)
def test_money_is_rounded_up_to_micro_units(money, units):
    assert micro(money) == units


@pytest.mark.parametrize("amount", [-1, 0.5, True, float("nan")])
def test_amounts_are_whole_and_not_negative(amount):
    for act in (Ledger, Ledger(5).reserve, lambda a: Ledger(5).reserve(1)[0].settle(0, a)):
        with pytest.raises(ValueError, match="whole number of micro-units"):
            act(amount)


@pytest.mark.parametrize("money", [-0.1, float("nan"), float("inf")])
def test_money_is_finite_and_not_negative(money):
    with pytest.raises(ValueError, match="finite number of at least 0"):
        micro(money)
