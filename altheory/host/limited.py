"""Rate limits: calls and tokens a minute, kept before a call's money is held."""

import asyncio
from collections.abc import Mapping
from typing import Any

from altheory.host.money import sent_bytes
from altheory.host.source import Label, Received, Source


class Pace:
    """Grants units one after another, `per_minute` of them in 60 seconds: an amount takes its share of the minute.

    Grants start at least `60 / per_minute` seconds a unit apart, so any half-open minute holds at most `per_minute`
    units beside the last grant's. Raises `ValueError` where `per_minute` is not above 0.
    """

    def __init__(self, per_minute: float) -> None:
        if not 0 < per_minute < float("inf"):
            raise ValueError(f"a rate limit must be a finite number above 0 a minute; it is {per_minute}")
        self.seconds, self._next = 60 / per_minute, float("-inf")

    def grant(self, now: float, amount: float) -> float:
        """When `amount` units that are asked for `now` may start."""
        start = max(now, self._next)
        self._next = start + amount * self.seconds
        return start

    def give_back(self, amount: float) -> None:
        """Units that were granted and not used, or, below 0, used and not granted."""
        self._next -= amount * self.seconds


class Limited:
    """A source whose calls keep to `requests` and `tokens` a minute, over all who share this object.

    A call counts a token for each byte of its request until its reply says how many it used. The wait is over before
    the money is held, so a call that is given up while it waits costs nothing. Raises `ValueError` where neither limit
    is given, or one is not above 0.
    """

    def __init__(self, source: Source, *, requests: float | None = None, tokens: float | None = None) -> None:
        if requests is None and tokens is None:
            raise ValueError("Limited needs requests or tokens a minute, or both")
        self.source = source
        self._requests = None if requests is None else Pace(requests)
        self._tokens = None if tokens is None else Pace(tokens)

    @property
    def name(self) -> str:
        """The name of the source: a limit changes no answer."""
        return self.source.name

    def request(self, text: str) -> Mapping[str, Any]:
        return self.source.request(text)

    def most(self, request: Mapping[str, Any]) -> int:
        return self.source.most(request)

    def read(self, reply: str) -> Label:
        return self.source.read(reply)

    async def ready(self, request: Mapping[str, Any]) -> None:
        """Wait for this call's turn."""
        loop = asyncio.get_running_loop()
        asked = ((self._requests, 1.0), (self._tokens, sent_bytes(request)))
        starts = [pace.grant(loop.time(), amount) for pace, amount in asked if pace is not None]
        await asyncio.sleep(max(starts) - loop.time())
        inner = getattr(self.source, "ready", None)
        if inner is not None:
            await inner(request)

    async def send(self, request: Mapping[str, Any], item: int) -> Received:
        received = await self.source.send(request, item)
        used = received.usage.get("total_tokens")
        if self._tokens is not None and isinstance(used, int) and used >= 0:
            self._tokens.give_back(sent_bytes(request) - used)
        return received

    async def close(self) -> None:
        """Close the source, where it has anything open."""
        if hasattr(self.source, "close"):
            await self.source.close()
