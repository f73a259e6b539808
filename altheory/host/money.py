"""Money of live runs: whole picodollars, and what a call may cost at most."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any

PICO = 10**12
"""Picodollars in a dollar: a price per million tokens is a whole number a token; 64 bits hold nine million dollars."""

MESSAGE = 32
"""Tokens a server may add to each message of a chat, counted at the dearest input rate."""


def pico(money: float | str | Decimal) -> int:
    """Dollars in picodollars, rounded up as they are written: `pico(0.1)` is 100,000,000,000.

    Raises `ValueError` where the amount is below 0 or not finite.
    """
    amount = Decimal(str(money))
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"money must be a finite number of at least 0; it is {money}")
    return int((amount * PICO).to_integral_value(ROUND_CEILING))


def dollars(amount: int) -> float:
    """Picodollars in dollars."""
    return amount / PICO


def sent_bytes(request: Mapping[str, Any]) -> int:
    """Bytes of a request as it is sent: no tokenizer makes more tokens of it."""
    return len(json.dumps(request, ensure_ascii=False).encode())


@dataclass(frozen=True)
class Price:
    """What a model charges in picodollars: a token in, a token out, and a call."""

    input: int
    output: int
    call: int = 0

    def __post_init__(self) -> None:
        for name, rate in (("input", self.input), ("output", self.output), ("call", self.call)):
            if isinstance(rate, bool) or not isinstance(rate, int) or rate < 0:
                raise ValueError(f"a price's {name} must be whole picodollars of at least 0; it is {rate!r}")

    @classmethod
    def per_million(cls, input: float | str, output: float | str, call: float | str = 0) -> "Price":
        """From dollars per million tokens, as price lists print them, and dollars a call."""
        return cls(-(-pico(input) // 10**6), -(-pico(output) // 10**6), pico(call))

    def cost(self, tokens_in: int, tokens_out: int) -> int:
        """The charge for what a server says it used."""
        return self.call + tokens_in * self.input + tokens_out * self.output

    def most(self, sent: int, messages: int, output_cap: int, replies: int = 1) -> int:
        """The largest charge of a call that sends `sent` bytes: no tokenizer makes more tokens than there are bytes.

        Holds where the price is right and the server keeps the cap on its output, reasoning included.
        """
        if output_cap < 1:
            raise ValueError(f"a call needs an output cap of at least 1 token; it is {output_cap}")
        return self.cost(sent + MESSAGE * (messages + 1), output_cap * replies)


@dataclass(frozen=True)
class PriceTable:
    """Prices by model, the day they were last true, and a hash that a run is tied to."""

    prices: Mapping[str, Price]
    checked: date | None
    hash: str

    def __getitem__(self, model: str) -> Price:
        if model not in self.prices:
            known = ", ".join(self.prices) or "none"
            raise ValueError(f"the price of {model!r} is unknown: add it to the price table, which has {known}")
        return self.prices[model]


def price_table(path: str | Path) -> PriceTable:
    """Read a TOML file: `checked = 2026-11-01`, then `[models."NAME"]` with `input`, `output` and perhaps `call`.

    Rates are dollars per million tokens, best written as strings. Raises `ValueError` on a missing or negative rate.
    """
    text = Path(path).read_text(encoding="utf-8")
    read = tomllib.loads(text)
    prices = {}
    for model, row in read.get("models", {}).items():
        missing = {"input", "output"} - set(row)
        if missing:
            raise ValueError(f"{path}: the price of {model!r} lacks {', '.join(sorted(missing))}")
        prices[model] = Price.per_million(row["input"], row["output"], row.get("call", 0))
    return PriceTable(prices, read.get("checked"), hashlib.sha256(text.encode()).hexdigest()[:16])
