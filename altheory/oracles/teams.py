"""Models that ask models, as arms of their own: cascades and votes, from recorded answers."""

import itertools
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from altheory.core.check import at_least, finite, one_length
from altheory.scores.routing import quality_and_cost

Table = Float[np.ndarray, "N K"]


class Team(NamedTuple):
    """An arm made of several models: the quality of its answer to each prompt, and what it costs, `[N]`."""

    quality: Float[np.ndarray, "N"]
    cost: Float[np.ndarray, "N"]


class Chain(NamedTuple):
    """Models to ask in order, each next one where the `confidence` in the answer before is below its threshold.

    There is one threshold fewer than models; `quality` and `cost` are means over the prompts it was fitted to.
    """

    models: tuple[int, ...]
    thresholds: tuple[float, ...]
    quality: float
    cost: float


class Panel(NamedTuple):
    """Models that vote, the first the one that is followed in a tie; means over the prompts it was fitted to."""

    models: tuple[int, ...]
    quality: float
    cost: float


def _members(name: str, models: Any, many: int) -> tuple[int, ...]:
    found = tuple(int(k) for k in models)
    if not found or len(set(found)) < len(found) or not all(0 <= k < many for k in found):
        raise ValueError(f"{name} models must be different numbers from 0 to {many - 1}; they are {found}")
    return found


def cascade(quality: Any, cost: Any, confidence: Any, models: Any, thresholds: Any) -> Team:
    """Ask `models` in order until the `confidence` in an answer is at least its threshold; the last answer stands.

    Tables are `[N, K]`: how good each model's answer is, what it costs, and how sure one may be of it having seen it.
    All that were asked are paid for. Raises `ValueError` where sizes differ or models repeat. Cite: chen2024frugalgpt.
    """
    q, c = quality_and_cost("cascade", quality, cost)
    sure = np.asarray(confidence, np.float64)
    finite("cascade confidence", sure)
    if sure.shape != q.shape:
        raise ValueError(f"cascade confidence must be {q.shape}, as quality is; its shape is {sure.shape}")
    chain = _members("cascade", models, q.shape[1])
    one_length("cascade thresholds", np.asarray(thresholds, np.float64).reshape(-1), len(chain) - 1)
    made, paid, going = q[:, chain[0]], c[:, chain[0]], np.ones(len(q), bool)
    for before, after, least in zip(chain, chain[1:], thresholds, strict=False):
        going = going & (sure[:, before] < least)
        made, paid = np.where(going, q[:, after], made), np.where(going, paid + c[:, after], paid)
    return Team(made, paid)


def fit_cascade(
    quality: Any, cost: Any, confidence: Any, budget: float, *, longest: int = 3, levels: int = 16
) -> Chain:
    """The best cascade whose mean cost is within `budget` a prompt, on prompts with known answers.

    All single models and all pairs with a threshold at each of `levels` quantiles of confidence; then a model is put
    in front while that helps, up to `longest`. Time: O(K^2 levels N). Raises `ValueError` where not even one model
    fits. Cite: chen2024frugalgpt.
    """
    q, c = quality_and_cost("fit_cascade", quality, cost)
    at_least("fit_cascade longest", longest, 1)
    at_least("fit_cascade levels", levels, 1)
    sure, many = np.asarray(confidence, np.float64), q.shape[1]
    fits = np.flatnonzero(c.mean(0) <= budget)
    if not fits.size:
        raise ValueError(f"fit_cascade budget is {budget:g} a prompt, and the cheapest model costs {c.mean(0).min():g}")
    alone = int(fits[q.mean(0)[fits].argmax()])
    best = Chain((alone,), (), float(q[:, alone].mean()), float(c[:, alone].mean()))
    tails = [Chain((k,), (), float(q[:, k].mean()), float(c[:, k].mean())) for k in range(many)]
    for _ in range(longest - 1):
        found = [_in_front(q, c, sure, k, tail, budget, levels) for tail in tails for k in range(many)]
        better = [chain for chain in found if chain is not None and chain.quality > best.quality + 1e-12]
        if not better:
            break
        best = max(better, key=lambda chain: (chain.quality, -chain.cost))
        tails = [best]
    return best


def _in_front(q: Table, c: Table, sure: Table, first: int, tail: Chain, budget: float, levels: int) -> Chain | None:
    """The best threshold for a model in front of a cascade, where one fits the budget."""
    if first in tail.models or c[:, first].mean() > budget:
        return None
    after = cascade(q, c, sure, tail.models, tail.thresholds)
    order = np.argsort(sure[:, first], kind="stable")
    level = sure[order, first]
    cuts = np.unique(np.searchsorted(level, np.quantile(level, np.linspace(0, 1, levels + 1)[1:]), side="left"))
    gained = np.append(0, np.cumsum((after.quality - q[:, first])[order]))[cuts]
    paid = c[:, first].mean() + np.append(0, np.cumsum(after.cost[order]))[cuts] / len(q)
    at = np.where(paid <= budget, gained, -np.inf).argmax()
    if paid[at] > budget:
        return None
    cut = float(level[cuts[at]])
    made = cascade(q, c, sure, (first, *tail.models), (cut, *tail.thresholds))
    return Chain((first, *tail.models), (cut, *tail.thresholds), float(made.quality.mean()), float(made.cost.mean()))


def vote(quality: Any, cost: Any, answers: Any, models: Any) -> Team:
    """Ask all `models` and take the answer that most of them gave; of answers with as many votes, the earlier model's.

    `answers [N, K]` are what was answered, in any form that can be compared; None or an empty one is no vote. All are
    paid for. Raises `ValueError` where sizes differ or models repeat. Cite: wang2023selfconsistency.
    """
    q, c = quality_and_cost("vote", quality, cost)
    told = np.asarray(answers, object)
    if told.shape != q.shape:
        raise ValueError(f"vote answers must be {q.shape}, as quality is; their shape is {told.shape}")
    panel = _members("vote", models, q.shape[1])
    return Team(*_voted(q, c, _numbered(told), panel))


def _numbered(answers: np.ndarray) -> np.ndarray:
    """Answers as whole numbers, equal where they are the same answer to the same prompt; -1 where there is none."""
    found = np.full(answers.shape, -1)
    for i, row in enumerate(answers):
        known: dict[Any, int] = {}
        for k, answer in enumerate(row):
            if answer is not None and answer != "" and answer == answer:
                found[i, k] = known.setdefault(answer, len(known))
    return found


def _voted(q: Table, c: Table, told: np.ndarray, panel: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    mine = told[:, panel]
    votes = ((mine[:, :, None] == mine[:, None]) & (mine[:, :, None] >= 0)).sum(2)
    return q[np.arange(len(q)), np.asarray(panel)[votes.argmax(1)]], c[:, panel].sum(1)


def fit_vote(quality: Any, cost: Any, answers: Any, budget: float, *, size: int = 3) -> Panel | None:
    """The best panel of `size` models whose mean cost is within `budget` a prompt; None where no panel fits.

    Every panel is tried, its best member first: O(K^size N). Raises `ValueError` where sizes differ.
    """
    q, c = quality_and_cost("fit_vote", quality, cost)
    at_least("fit_vote size", size, 1)
    told, mean, spend = _numbered(np.asarray(answers, object)), q.mean(0), c.mean(0)
    best: Panel | None = None
    for members in itertools.combinations(np.argsort(-mean, kind="stable").tolist(), size):
        if spend[list(members)].sum() <= budget:
            made, paid = _voted(q, c, told, members)
            if best is None or made.mean() > best.quality:
                best = Panel(members, float(made.mean()), float(paid.mean()))
    return best
