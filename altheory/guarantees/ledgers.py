"""Theorems on money that is reserved before it is spent."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from altheory.core import Ledger
from altheory.guarantees.evidence import Always
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array

Open = Callable[[int], Ledger]


@dataclass(frozen=True)
class _Unreserved(Ledger):
    """A mutant: asks whether the call fits what was spent, and holds nothing back."""

    def reserve(self, most: int) -> tuple[Ledger, int | None]:
        if self.spent + most > self.budget:
            return self, None
        return replace(self, reserved={**self.reserved, self.tickets: 0}, tickets=self.tickets + 1), self.tickets


@dataclass(frozen=True)
class _HalfReserved(Ledger):
    """A mutant: holds back half of what a call may cost."""

    def reserve(self, most: int) -> tuple[Ledger, int | None]:
        return super().reserve(most // 2)


@dataclass(frozen=True)
class _NeverReleases(Ledger):
    """A mutant: books the cost and keeps the reserve too."""

    def settle(self, ticket: int, cost: int) -> Ledger:
        left = self._without(ticket)
        return replace(self, spent=self.spent + cost + self.reserved[ticket], reserved=left)


@dataclass(frozen=True)
class _RefundsTwice(Ledger):
    """A mutant: settling a call a second time releases a second reserve, that of another call."""

    def _without(self, ticket: int) -> dict[int, int]:
        gone = ticket if ticket in self.reserved else next(iter(self.reserved), None)
        return {t: amount for t, amount in self.reserved.items() if t != gone}


def run_calls(ledger: Ledger, calls: np.random.Generator, *, steps: int, overrun: float) -> tuple[float, float, float]:
    """Interleaved calls, double settlements and cancellations, booked beside the ledger.

    Returns the most that was ever spent and outstanding, less the excess of costs over reserves; the most that was left
    unreserved at a refusal, over what was asked for; and how far the ledger's own spending is from what was booked.
    """
    budget, spent, excess = ledger.budget, 0, 0
    held: dict[int, int] = {}
    peak, refused = 0, -1
    for _ in range(steps):
        kind = calls.choice(["reserve", "settle", "cancel", "again"], p=[0.5, 0.3, 0.1, 0.1])
        if kind == "reserve":
            most = int(calls.integers(0, budget // 3 + 2))
            ledger, ticket = ledger.reserve(most)
            if ticket is None:
                refused = max(refused, budget - spent - sum(held.values()) - most)
            else:
                held[ticket] = most
        elif kind == "again":
            ledger = _again(ledger, calls)
        elif held:
            ticket = int(calls.choice(list(held)))
            most = held.pop(ticket)
            if kind == "settle":
                cost = int(calls.integers(0, most + 1)) if calls.random() >= overrun else most + int(calls.integers(9))
                ledger, spent, excess = ledger.settle(ticket, cost), spent + cost, excess + max(cost - most, 0)
            else:
                ledger = ledger.cancel(ticket)
        peak = max(peak, spent + sum(held.values()) - excess)
    return peak, refused, abs(ledger.spent - spent)


def _again(ledger: Ledger, calls: np.random.Generator) -> Ledger:
    """Settle or cancel some ticket of the past a second time, which a ledger must refuse."""
    old = [t for t in range(ledger.tickets) if t not in ledger.reserved] or [-1]
    ticket = int(calls.choice(old))
    with suppress(ValueError):
        ledger = ledger.settle(ticket, 1)
    with suppress(ValueError):
        ledger = ledger.cancel(ticket)
    return ledger


def _cases(algorithm: Open, trials: int) -> Iterator[Case]:
    for budget in (0, 7, 1000, 10**12):
        for overrun in (0.0, 0.3):
            rng = np.random.default_rng([budget % 1000, int(overrun * 10)])
            runs = [run_calls(algorithm(budget), rng, steps=80, overrun=overrun) for _ in range(max(trials // 20, 5))]
            peak, refused, wrong = np.max(runs, axis=0)
            name = f"budget {budget}" + (", calls that cost more than they reserved" if overrun else "")
            yield Case(name, (budget,), [peak, refused + 1, wrong])


@guarantee(
    "Spent + reserved never exceeds the budget but by what calls cost beyond their reserves, and no refusal is idle",
    id="budget-ledger",
    family="budgets",
    latex=r"S_t+\sum_{i\in\text{open}}u_i \le B+\sum_i(a_i-u_i)_+,\qquad \text{refused}\Rightarrow B-S-\sum u_i < u",
    cite="badanidiyuru2018bandits",
    note="proofs_notes/budget-ledger.md",
    bounds=Always(as_array),
    algorithm=Ledger,
    cases=_cases,
    mutants={
        "no reserve": _Unreserved,
        "half the reserve": _HalfReserved,
        "reserve never released": _NeverReleases,
        "refunds twice": _RefundsTwice,
    },
    trials=200,
)
def budget_ledger(budget: int) -> np.ndarray:
    """The budget; 0 for what a refusal leaves beyond what was asked, plus 1; 0 for the error of the books.

    Cite: badanidiyuru2018bandits.
    """
    return np.array([budget, 0.0, 0.0])
