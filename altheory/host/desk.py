"""A desk offers what can be asked, of whom, at what price, and buys the answers."""

import asyncio
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from altheory.core import Choice, Menu, Outcome, product
from altheory.core.check import finite, matrix, one_length, within
from altheory.host.money import dollars
from altheory.host.source import Bought, BudgetSpentError, Replies, Source, Till


class LabelDesk:
    """Texts to be labelled by several labelers: menu row `s N + i` is text i asked of labeler s, as in `LabelPool`.

    `x` `[N, d]` are the texts' features, `classes` the labels, `noise` `[L]` the error rate one expects of each
    labeler. A row's price is the most that one call may cost, in dollars. A row closes once it was asked, whether or
    not the reply could be read. Raises `ValueError` on lengths that differ, empty texts, and labels that repeat.
    """

    def __init__(
        self, texts: Sequence[str], x: Any, sources: Sequence[Source], classes: Sequence[str], *, noise: Any = 0.1
    ) -> None:
        matrix("LabelDesk x", x)
        finite("LabelDesk x", x)
        one_length("LabelDesk x", x, len(texts))
        if not sources:
            raise ValueError("LabelDesk needs at least one labeler")
        if len(set(classes)) < max(len(classes), 2):
            raise ValueError(f"LabelDesk classes must be two or more different labels; they are {list(classes)}")
        if len({source.name for source in sources}) < len(sources):
            raise ValueError("LabelDesk sources must have different names")
        empty = next((i for i, text in enumerate(texts) if not text.strip()), None)
        if empty is not None:
            raise ValueError(f"LabelDesk texts must not be empty; text {empty} is")
        within("LabelDesk noise", noise, 0, 1)
        self.texts, self.sources, self.classes = list(texts), list(sources), list(classes)
        self.replies: dict[int, Bought] = {}
        n, total = len(texts), len(sources)
        price = [dollars(source.most(source.request(text))) for source in sources for text in texts]
        self._open = np.ones(n * total, bool)
        self._x = product(jnp.asarray(np.asarray(x, np.float32)), total)
        self._price = jnp.asarray(np.asarray(price, np.float32))
        rates = np.broadcast_to(np.asarray(noise, np.float32), (total,))
        self._noise = jnp.asarray(np.repeat(rates, n))

    def offer(self) -> Menu:
        """What can be asked now."""
        return Menu(self._x, self._price, self._noise, jnp.asarray(self._open))

    async def answer(self, choice: Choice, till: Till) -> tuple[Replies, Exception | None]:
        """Buy what was chosen, all at once: what was bought, and why the rest was not, if any was not."""
        rows, asked = np.atleast_1d(np.asarray(choice.item)), np.atleast_1d(np.asarray(choice.valid))
        wanted = list(dict.fromkeys(int(row) for row in rows[asked]))
        results = await asyncio.gather(*(self._buy(row, till) for row in wanted), return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        if any(not isinstance(error, Exception) for error in failed):
            raise failed[0]
        bought = {row: b for row, b in zip(wanted, results, strict=True) if isinstance(b, Bought)}
        failed.sort(key=lambda error: isinstance(error, BudgetSpentError))
        why = failed[0] if failed else None
        return {row: (b.label.label, b.cost) for row, b in bought.items()}, why  # type: ignore[return-value]

    def told(self, choice: Choice, replies: Replies) -> tuple[Choice, Outcome]:
        """The outcome of replies by row, each a label or None and its cost in picodollars; these rows close.

        A row chosen without a readable reply becomes one that was passed over.
        """
        shape = jnp.shape(choice.item)
        rows, asked = np.atleast_1d(np.asarray(choice.item)), np.atleast_1d(np.asarray(choice.valid))
        label = [replies.get(int(r), (None, 0))[0] if a else None for r, a in zip(rows, asked, strict=True)]
        cost = [dollars(replies.get(int(r), (None, 0))[1]) if a else 0.0 for r, a in zip(rows, asked, strict=True)]
        self._open[list(replies)] = False
        y = np.array([self.classes.index(name) if name is not None else 0 for name in label], np.int32)
        read = np.array([name is not None for name in label])
        outcome = Outcome(jnp.asarray(y.reshape(shape)), jnp.asarray(np.array(cost, np.float32).reshape(shape)))
        outcome = outcome.replace(confidence=jnp.ones(shape))  # type: ignore[attr-defined]
        return choice.replace(valid=choice.valid & jnp.asarray(read.reshape(shape))), outcome  # type: ignore[attr-defined]

    async def _buy(self, row: int, till: Till) -> Bought:
        who, item = divmod(row, len(self.texts))
        self.replies[row] = await till.buy(self.sources[who], self.texts[item], item)
        return self.replies[row]
