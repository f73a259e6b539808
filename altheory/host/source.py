"""What answers questions for money, and the one way of paying for an answer."""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from altheory.host.journal import Journal, Operation, digest, isolated

POLL = 0.25
"""Seconds between looks at money that other processes hold."""


@dataclass(frozen=True)
class Label:
    """An answer that was read: the class, or None and the `problem`."""

    label: str | None
    problem: str = ""


@dataclass(frozen=True)
class Received:
    """What came back: the reply as it was, and its cost in picodollars, or None where the server did not say."""

    reply: str
    cost: int | None
    usage: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""


class NotChargedError(Exception):
    """The answer proves that nothing was charged: refused before work. `final` says that trying again is no use."""

    def __init__(self, why: str, *, retry_after: float | None = None, final: bool = False) -> None:
        super().__init__(why)
        self.retry_after, self.final = retry_after, final


class OutcomeUnknownError(Exception):
    """Nobody knows whether it was charged: a timeout, a lost connection, an answer that cannot be read."""


class BudgetSpentError(Exception):
    """The next call does not fit what is left of the budget."""


@runtime_checkable
class Source(Protocol):
    """What answers a text: a model behind a server, a recorded table, a person, or a simulation of one.

    `request(text)` is all that decides the answer, as JSON; `most(request)` the largest charge in picodollars;
    `send(request, item)` asks once, with no retries of its own, and raises `NotChargedError` or `OutcomeUnknownError`;
    `read(reply)` parses. A source may have `ready(request)`, awaited before each attempt's money is held.
    """

    @property
    def name(self) -> str: ...

    def request(self, text: str) -> Mapping[str, Any]: ...

    def most(self, request: Mapping[str, Any]) -> int: ...

    def send(self, request: Mapping[str, Any], item: int) -> Awaitable[Received]: ...

    def read(self, reply: str) -> Label: ...


@dataclass(frozen=True)
class Bought:
    """An answer that was paid for: what it says, what it cost in all tries, and whether it was there before."""

    label: Label
    cost: int
    cached: bool = False


class Till:
    """Pays for answers from a journal: many calls at once, their bookings in shared transactions.

    `tries` is how often a call is sent at most, `wait` the first pause in seconds after a failure (doubled each time,
    or what the server asks for), `at_once` how many calls are open together.
    """

    def __init__(self, journal: Journal, *, tries: int = 4, wait: float = 0.5, at_once: int = 16) -> None:
        for name, value in (("tries", tries), ("at_once", at_once)):
            if value < 1:
                raise ValueError(f"Till {name} must be at least 1; it is {value}")
        if not wait >= 0:
            raise ValueError(f"Till wait must be at least 0 seconds; it is {wait}")
        self.journal, self.tries, self.wait = journal, tries, wait
        self._slots = asyncio.Semaphore(at_once)
        self._pending: list[tuple[Operation, asyncio.Future[Any]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._asking: dict[str, asyncio.Lock] = {}

    async def buy(self, source: Source, text: str, item: int) -> Bought:
        """An answer to a text: from the journal where it was paid for before, else by a call, or several.

        A reply that cannot be read is billed and counted, and asked for again. Raises `BudgetSpentError` where a call
        does not fit even once all open ones are settled, and `NotChargedError` where the server refuses for good.
        """
        body = source.request(text)
        request = digest(source.name, body)
        async with self._asking.setdefault(request, asyncio.Lock()):  # one text twice at once is asked once
            known = self.journal.answer(request)
            if known is not None and source.read(known[1]).label is not None:
                return Bought(source.read(known[1]), self.journal.paid(request, item), cached=True)
            async with self._slots:
                return await self._ask(source, body, request, item)

    async def _ask(self, source: Source, body: Mapping[str, Any], request: str, item: int) -> Bought:
        before, last = self.journal.tries(request), Label(None, "no answer")
        ready = getattr(source, "ready", None)
        for n in range(self.tries):
            key = digest(request, before + n)
            if ready is not None:
                await ready(body)
            await self._hold(key, request, item, source, before + n, source.most(body))
            try:
                received = await source.send(body, item)
            except NotChargedError as error:
                await self._do(self.journal.releasing(key, str(error)))
                last = Label(None, f"refused: {error}")
                if error.final:
                    raise
                await asyncio.sleep(self.wait * 2**n if error.retry_after is None else error.retry_after)
                continue
            except (Exception, asyncio.CancelledError) as error:
                why = str(error) if isinstance(error, OutcomeUnknownError) else type(error).__name__
                await asyncio.shield(self._do(self.journal.losing(key, why)))
                if not isinstance(error, OutcomeUnknownError):
                    raise
                last = Label(None, f"outcome unknown: {error}")
                await asyncio.sleep(self.wait * 2**n)
                continue
            last = source.read(received.reply)
            if received.cost is None:
                await self._do(self.journal.losing(key, "no usage reported"))
            else:
                settled = self.journal.settling(
                    key, cost=received.cost, label=last.label, reply=received.reply, usage=dict(received.usage),
                    id=received.id,
                )  # fmt: skip
                await asyncio.shield(self._do(settled))
            if last.label is not None:
                break
        return Bought(last, self.journal.paid(request, item))

    async def _hold(self, key: str, request: str, item: int, source: Source, n: int, amount: int) -> None:
        """Hold the money; where it does not fit, wait for open calls to settle before the budget is called spent."""
        operation = self.journal.holding(key, request=request, item=item, model=source.name, try_no=n, amount=amount)
        while not await self._held(key, operation):
            account = self.journal.account
            if account.overrun or (account.held == 0 and amount > account.free):
                raise BudgetSpentError(f"{source.name} may cost {amount} picodollars, and {account.free} are left")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), POLL)
            self._settled.clear()

    async def _held(self, key: str, operation: Operation) -> bool:
        """Whether the money is held; a caller who leaves meanwhile gets it back, as nothing was sent."""
        task = asyncio.ensure_future(self._do(operation))
        try:
            return bool(await asyncio.shield(task))
        except asyncio.CancelledError:
            if await task:
                await self._do(self.journal.releasing(key, "not sent"))
            raise

    async def _do(self, operation: Operation) -> Any:
        """One operation, committed with those that wait meanwhile: a transaction for many, durable on return."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending.append((operation, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._commit())
        return await future

    async def _commit(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            try:
                results = await asyncio.to_thread(self.journal.write, *[isolated(operation) for operation, _ in batch])
            except BaseException as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                if not isinstance(error, Exception):
                    raise
                continue
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done() and isinstance(result, Exception):
                    future.set_exception(result)
                elif not future.done():
                    future.set_result(result)
            self._settled.set()


Replies = dict[int, tuple[str | None, int]]
"""What was bought, by menu row: a label, or None where the reply could not be read, and its cost in picodollars."""
