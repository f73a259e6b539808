"""The loop, live: the same policy, on an oracle that costs money."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from altheory.core import Choice, Key, Menu, Outcome
from altheory.core.check import at_least
from altheory.core.keys import initial_keys, round_keys
from altheory.host.journal import Journal
from altheory.host.money import pico
from altheory.host.source import BudgetSpentError, Replies, Till


class Desk(Protocol):
    """A live oracle: what it offers, how it buys what was chosen, and what the replies mean to a policy."""

    def offer(self) -> Menu: ...

    def answer(self, choice: Choice, till: Till) -> Awaitable[tuple[Replies, Exception | None]]: ...

    def told(self, choice: Choice, replies: Replies) -> tuple[Choice, Outcome]: ...

    @property
    def sources(self) -> Any: ...


def run(
    policy: Any,
    desk: Desk,
    key: Key,
    *,
    rounds: int,
    journal: str | Path,
    budget: float,
    prices: str = "",
    tries: int = 4,
    wait: float = 0.5,
    at_once: int = 16,
    watch: Callable[[int, Journal], None] | None = None,
) -> Any:
    """Run a policy on a desk for at most `rounds` rounds and `budget` dollars; returns the policy's last state.

    The policy that `simulate` runs, with the keys that it would have there. Everything is in the file `journal`: a run
    that ended or was killed goes on from it, nothing that was paid for is asked again, and spent + held never exceeds
    the budget. Ends when the policy stops, nothing is open, or the next call does not fit the budget; `why` in the
    journal says which. `watch(t, journal)` is called after each round. `tries`, `wait`, `at_once`: see `Till`.

    Raises `ValueError` where the journal is of another run (another key, or other prices).
    """
    at_least("run rounds", rounds, 1)
    book = Journal(journal, cap=pico(budget), prices=prices)
    try:
        mark = np.asarray(jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key).tolist()
        if book.about("key", mark) != mark:
            raise ValueError(f"{journal} is of a run with another key: use that key, or a new file")
        return asyncio.run(_run(policy, desk, key, rounds, book, (tries, wait, at_once), watch))
    finally:
        book.close()


async def _run(
    policy: Any,
    desk: Desk,
    key: Key,
    rounds: int,
    book: Journal,
    limits: tuple[int, float, int],
    watch: Callable[[int, Journal], None] | None,
) -> Any:
    till = Till(book, tries=limits[0], wait=limits[1], at_once=limits[2])
    select, update = jax.jit(policy.select), jax.jit(policy.update)
    state = policy.init(initial_keys(key)[0])
    try:
        return await _rounds(state, select, update, desk, key, rounds, book, till, watch)
    finally:
        for source in desk.sources:
            if hasattr(source, "close"):
                await source.close()


async def _rounds(
    state: Any,
    select: Any,
    update: Any,
    desk: Desk,
    key: Key,
    rounds: int,
    book: Journal,
    till: Till,
    watch: Callable[[int, Journal], None] | None,
) -> Any:
    stored = {t: (chosen, replies) for t, chosen, replies in book.rounds()}
    for t in range(1, rounds + 1):
        menu = desk.offer()
        choice = select(state, menu, round_keys(key, t)[0])
        if bool(choice.stop) or not bool(menu.open.any()):
            return _ended(book, state, "the policy stopped" if bool(choice.stop) else "nothing is open", t)
        choice = choice.replace(valid=choice.valid & menu.open[choice.item])
        rows = np.atleast_1d(np.asarray(choice.item))[np.atleast_1d(np.asarray(choice.valid))].tolist()
        failed: Exception | None = None
        if t in stored:
            if stored[t][0] != rows:
                raise ValueError(
                    f"{book.path} chose {stored[t][0]} in round {t}, and this policy {rows}: use a new file"
                )
            replies: Replies = {int(row): (reply[0], reply[1]) for row, reply in stored[t][1].items()}
        else:
            replies, failed = await desk.answer(choice, till)
            if replies or failed is None:
                book.record(t, rows, replies)
        after, outcome = desk.told(choice, replies)
        state = update(state, menu, after, outcome)
        if isinstance(failed, BudgetSpentError):
            return _ended(book, state, f"the budget is spent: {failed}", t)
        if failed is not None:
            raise failed
        if watch is not None:
            watch(t, book)
    return _ended(book, state, "all rounds were played", rounds)


def _ended(book: Journal, state: Any, why: str, t: int) -> Any:
    book.note("ended", round=t, why=why)
    return state
