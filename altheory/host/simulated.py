"""Labelers that only seem to be there: the same protocol, text in and text out, with no money and no network."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from altheory.host.money import pico
from altheory.host.reading import read_label
from altheory.host.source import Label, Received


@dataclass(frozen=True)
class SimulatedLabeler:
    """A labeler whose answers are known: `labels[item]` is the class it says, by number.

    `price` in dollars a call; `malformed` is the share of replies that no schema accepts, drawn from `seed`, the item
    and how often it was asked; `seconds` is how long a call takes. Raises `ValueError` on labels that are no classes.
    """

    name: str
    labels: Sequence[int]
    classes: Sequence[str]
    price: float = 0.001
    malformed: float = 0.0
    seconds: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        labels = np.asarray(self.labels)
        if labels.size and not (labels.min() >= 0 and labels.max() < len(self.classes)):
            raise ValueError(f"{self.name}: labels must be numbers of the {len(self.classes)} classes")
        if not 0 <= self.malformed <= 1:
            raise ValueError(f"{self.name}: malformed must be a share between 0 and 1; it is {self.malformed}")
        object.__setattr__(self, "_asked", {})

    def request(self, text: str) -> Mapping[str, Any]:
        return {"model": self.name, "text": text, "classes": list(self.classes)}

    def most(self, request: Mapping[str, Any]) -> int:
        return pico(self.price)

    async def send(self, request: Mapping[str, Any], item: int) -> Received:
        await asyncio.sleep(self.seconds)
        asked: dict[int, int] = self._asked  # type: ignore[attr-defined]
        asked[item] = asked.get(item, 0) + 1
        broken = np.random.default_rng([self.seed, item, asked[item]]).random() < self.malformed
        said = self.classes[int(self.labels[item])]
        return Received("I would rather not say." if broken else json.dumps({"label": said}), pico(self.price))

    def read(self, reply: str) -> Label:
        return read_label(reply, self.classes)


@dataclass(frozen=True)
class ReplayLabeler:
    """A labeler whose answers were recorded: `replies[text]` are the replies it gave to a text, as they were.

    Asked again, it gives the next one, and the last for ever after. `price` in dollars a call. A recorded reply that
    names no class is no label here either, and is paid for. Raises `ValueError` on a text without a reply.
    """

    name: str
    replies: Mapping[str, Sequence[str]]
    classes: Sequence[str]
    price: float = 0.0

    def __post_init__(self) -> None:
        empty = next((text for text, said in self.replies.items() if isinstance(said, str) or not len(said)), None)
        if empty is not None:
            raise ValueError(
                f"{self.name}: replies must be a list of at least one reply a text; {empty[:60]!r} has none"
            )
        object.__setattr__(self, "_asked", {})

    @classmethod
    def of_labels(
        cls, name: str, texts: Sequence[str], labels: Sequence[str], classes: Sequence[str], price: float = 0.0
    ) -> "ReplayLabeler":
        """From a table of one label a row; a text that stands in several rows has several replies."""
        replies: dict[str, list[str]] = {}
        for text, label in zip(texts, labels, strict=True):
            replies.setdefault(text, []).append(json.dumps({"label": label}, ensure_ascii=False))
        return cls(name, replies, classes, price)

    def request(self, text: str) -> Mapping[str, Any]:
        if text not in self.replies:
            raise ValueError(f"{self.name} has no recorded reply to the text {text[:60]!r}: leave it out of the pool")
        return {"model": self.name, "text": text, "classes": list(self.classes)}

    def most(self, request: Mapping[str, Any]) -> int:
        return pico(self.price)

    async def send(self, request: Mapping[str, Any], item: int) -> Received:
        asked: dict[str, int] = self._asked  # type: ignore[attr-defined]
        said, n = self.replies[request["text"]], asked.get(request["text"], 0)
        asked[request["text"]] = n + 1
        return Received(said[min(n, len(said) - 1)], pico(self.price))

    def read(self, reply: str) -> Label:
        return read_label(reply, self.classes)
