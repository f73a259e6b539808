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
