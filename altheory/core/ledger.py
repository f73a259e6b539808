"""Money in whole micro-units: reserve the most a call may cost, then settle what it did cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal

MICRO = 1_000_000
"""Micro-units in one unit of money: integers add without rounding, in any order."""


def micro(money: float | str | Decimal) -> int:
    """Money in micro-units, rounded up as it is written: `micro(0.1)` is 100,000.

    Raises `ValueError` where it is below 0 or not finite.
    """
    amount = Decimal(str(money))
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"money must be a finite number of at least 0; it is {money}")
    return int((amount * MICRO).to_integral_value(ROUND_CEILING))


@dataclass(frozen=True)
class Ledger:
    r"""A budget, what was spent, and what is reserved for calls whose cost is not known yet, in micro-units.

    A call of at most u is admitted iff spent + reserved + u :math:`\le` budget; settling releases u and books the cost.
    Then spent + reserved never exceeds the budget, whatever the order of calls and however many run at once, where no
    call costs more than it reserved; else by the excess at most (`budget-ledger`). Every method returns a new ledger.
    Raises `ValueError` on amounts that are no whole numbers of at least 0.
    """

    budget: int
    spent: int = 0
    reserved: Mapping[int, int] = field(default_factory=dict)
    tickets: int = 0

    def __post_init__(self) -> None:
        _whole("the budget", self.budget)
        _whole("the money spent", self.spent)

    @property
    def outstanding(self) -> int:
        """The sum of what is reserved."""
        return sum(self.reserved.values())

    @property
    def free(self) -> int:
        """What further calls may reserve; below 0 only after a call cost more than it reserved."""
        return self.budget - self.spent - self.outstanding

    def reserve(self, most: int) -> tuple["Ledger", int | None]:
        """Set aside the most a call may cost: the ledger with it, and the call's ticket, or None where refused."""
        _whole("what is reserved", most)
        if most > self.free:
            return self, None
        held = {**self.reserved, self.tickets: most}
        return replace(self, reserved=held, tickets=self.tickets + 1), self.tickets

    def settle(self, ticket: int, cost: int) -> "Ledger":
        """Book a call's cost and release its reserve. Raises `ValueError` where the ticket is not outstanding."""
        _whole("the cost", cost)
        return replace(self, spent=self.spent + cost, reserved=self._without(ticket))

    def cancel(self, ticket: int) -> "Ledger":
        """Release the reserve of a call that was not made. Raises `ValueError` where the ticket is not outstanding."""
        return replace(self, reserved=self._without(ticket))

    def _without(self, ticket: int) -> dict[int, int]:
        if ticket not in self.reserved:
            raise ValueError(f"ticket {ticket} is not outstanding: it was settled, cancelled or never given")
        return {t: amount for t, amount in self.reserved.items() if t != ticket}


def _whole(what: str, amount: int) -> None:
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
        shown = amount if not isinstance(amount, float) or math.isfinite(amount) else str(amount)
        raise ValueError(f"{what} must be a whole number of micro-units, at least 0; it is {shown!r}: see `micro`")
