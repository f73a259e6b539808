"""`guarantee`: a theorem one can call, and `check`: what a study says about it."""

import dataclasses
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from altheory.guarantees.evidence import Evidence
from altheory.sim import Study

Status = Literal["consistent", "violated", "vacuous", "inapplicable"]
Assumption = Callable[..., str | None]
"""From what the bound is called with (a policy and an oracle, or an instance) to None, or what is not met."""

ALPHA = 1e-7
"""False-alarm rate of a theorem: all in the catalogue together stay below 1e-5."""

CHECKPOINTS = 64
"""Rounds at which a mean is tested, evenly spaced in log t, the last among them."""


@dataclass(frozen=True)
class Case:
    """One instance: `args` go to the bound, `run` to the statistic; `rounds` is None where time plays no part."""

    name: str
    args: tuple[Any, ...]
    run: Any
    rounds: np.ndarray | None = None


Cases = Callable[[Any, int], Iterable[Case]]
"""From an algorithm (the honest one or a mutant) and a number of trials to the instances it is checked on."""


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    `ratio` is the largest ratio of what was observed to the bound, `looseness` the bound over what was observed in
    the last round, `trials` the number of runs or instances, `reason` one sentence.
    """

    status: Status
    reason: str
    trials: int = 0
    ratio: float = float("nan")
    looseness: float = float("nan")

    def __repr__(self) -> str:
        return f"{self.status}: {self.reason}"


@dataclass(frozen=True)
class Guarantee:
    """A theorem: its claim, where it is proved, what it assumes, its bound as a function, and how to try to break it.

    Calling it gives the bound and raises `ValueError` where an assumption is not met; `bound` is the bare function.
    """

    id: str
    claim: str
    cite: str
    note: str
    bounds: Evidence
    bound: Callable[..., Any]
    assumes: tuple[Assumption, ...] = ()
    family: str = ""
    latex: str = ""
    ceiling: Callable[..., Any] | None = None
    algorithm: Any = None
    cases: Cases | None = field(default=None, repr=False)
    mutants: Mapping[str, Any] = field(default_factory=dict)
    trials: int = 250
    mutant_trials: int | None = None

    def unmet(self, *args: Any) -> list[str]:
        """The assumptions that what the bound is called with does not meet, a phrase each."""
        found = (assumption(*args) for assumption in self.assumes)
        return [sentence for sentence in found if sentence is not None]

    def __call__(self, *args: Any) -> Any:
        time = len(args) - (self.arity or len(args))
        unmet = self.unmet(*args[: len(args) - max(time, 0)])
        if unmet:
            raise ValueError(f"{self.id} does not apply: {'; '.join(unmet)}")
        return self.bound(*args)

    @property
    def arity(self) -> int:
        """How many of the bound's arguments say what it is about; a further one is the round."""
        names = list(inspect.signature(self.bound).parameters)
        return len(names) - (names[-1] == "t")


def guarantee(
    claim: str,
    *,
    cite: str,
    note: str,
    bounds: Evidence,
    assumes: Sequence[Assumption] = (),
    id: str | None = None,
    family: str = "",
    latex: str = "",
    ceiling: Callable[..., Any] | None = None,
    algorithm: Any = None,
    cases: Cases | None = None,
    mutants: Mapping[str, Any] | None = None,
    trials: int = 250,
    mutant_trials: int | None = None,
) -> Callable[[Callable[..., Any]], Guarantee]:
    """Turn a bound, `fn(policy, oracle, t)` or `fn(instance)`, into a `Guarantee`.

    `claim` is the theorem in plain text, `cite` a bib key, `note` the path of its proof note; `bounds` says how it
    binds and what is observed; `ceiling`, of the same arguments, is the bound that holds for any algorithm.
    `cases(algorithm, trials)` supplies hard instances, `mutants` broken algorithms that must come out violated.
    """

    def decorate(fn: Callable[..., Any]) -> Guarantee:
        return Guarantee(
            id=id or fn.__name__.replace("_", "-"), claim=claim, cite=cite, note=note, bounds=bounds, bound=fn,
            assumes=tuple(assumes), family=family, latex=latex, ceiling=ceiling, algorithm=algorithm, cases=cases,
            mutants=dict(mutants or {}), trials=trials, mutant_trials=mutant_trials,
        )  # fmt: skip

    return decorate


def check(g: Guarantee, study: Study, *, alpha: float = 1e-3) -> dict[str, Verdict]:
    """What a study says of a theorem, policy by policy: consistent, violated, vacuous or inapplicable.

    A true theorem is called violated with probability at most `alpha` for each policy. Raises `ValueError` where the
    study lacks its policies (read from a file and not bound) or a metric the theorem is about.
    """
    if study.policies is None:
        raise ValueError("a study read from a file must be bound first: study.bind(policies, oracle)")
    verdicts = {}
    for name, policy in study.policies.items():
        unmet = g.unmet(policy, study.oracle)
        if unmet:
            verdicts[name] = Verdict("inapplicable", "; ".join(unmet))
            continue
        run = study.data.sel(policy=name)
        case = Case(name, (policy, study.oracle), run, study.data["round"].values)
        verdicts[name] = weigh(g, case, alpha=alpha)
    return verdicts


@dataclass(frozen=True)
class Checked:
    """A case that was judged: what was observed `[trials, m]`, the bound `[m]`, and the rounds these are of, if any."""

    name: str
    verdict: Verdict
    seen: np.ndarray = field(repr=False)
    bound: np.ndarray = field(repr=False)
    rounds: np.ndarray | None = field(repr=False, default=None)
    settled: bool = True


def weigh(g: Guarantee, case: Case, *, alpha: float) -> Verdict:
    """Judge one case: compute the bound, what was observed, and the evidence between them."""
    return judged(g, case, alpha=alpha).verdict


def judged(g: Guarantee, case: Case, *, alpha: float) -> Checked:
    """A case with the verdict on it, and the numbers it rests on."""
    try:
        seen = np.asarray(g.bounds.statistic(case.run), np.float64)
    except KeyError as error:
        raise ValueError(f"{g.id} is about the metric {error}: add it to the study's `record`") from None
    seen, bound, ceiling = _aligned(g, case, seen)
    rounds = None if case.rounds is None else case.rounds[checkpoints(case.rounds)]
    verdict = _verdict(g, case, seen, bound, ceiling, alpha)
    settled = verdict.status == "violated" or g.bounds.settled(seen, bound)
    return Checked(case.name, verdict, seen, bound, rounds, settled)


def _verdict(
    g: Guarantee, case: Case, seen: np.ndarray, bound: np.ndarray, ceiling: np.ndarray, alpha: float
) -> Verdict:
    finding = g.bounds.judge(seen, bound, alpha=alpha)
    loose = _looseness(seen, bound)
    trials = seen.size if len(seen) == 1 and case.rounds is None else len(seen)
    if finding.violated:
        return Verdict("violated", f"{case.name}: {finding.detail}", trials, finding.ratio, loose)
    if (bound >= ceiling).all():
        times = float(np.min(bound / ceiling))
        reason = f"{case.name}: the bound is {times:.3g} times what any algorithm meets, or more"
        return Verdict("vacuous", reason, trials, finding.ratio, loose)
    reason = (
        f"{case.name}: at most {finding.ratio:.3g} of the bound, {trials} trials; {loose:.3g} times loose at the end"
    )
    return Verdict("consistent", reason, trials, finding.ratio, loose)


def _aligned(g: Guarantee, case: Case, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What was observed `[trials, m]`, and the bound and the ceiling `[m]`, in float64."""
    time: tuple[np.ndarray, ...] = ()
    if case.rounds is not None:
        at = checkpoints(case.rounds)
        seen, time = seen[:, at], (case.rounds[at].astype(np.float64),)
    bound = np.asarray(g.bound(*case.args, *time), np.float64)
    ceiling = np.asarray(g.ceiling(*case.args, *time) if g.ceiling else np.inf, np.float64)
    if case.rounds is None:
        seen = seen.reshape(-1, 1) if bound.size == 1 and seen.ndim == 1 else seen.reshape(1, -1)
    bound, ceiling = (np.broadcast_to(b.ravel() if b.size > 1 else b, seen.shape[1:]) for b in (bound, ceiling))
    return seen, bound, ceiling


def checkpoints(rounds: np.ndarray) -> np.ndarray:
    """Indices of the rounds a bound is tested at."""
    if rounds.size <= CHECKPOINTS:
        return np.arange(rounds.size)
    return np.unique(np.round(np.geomspace(1, rounds.size, CHECKPOINTS)).astype(int)) - 1


def _looseness(seen: np.ndarray, bound: np.ndarray) -> float:
    last = float(np.mean(seen[:, -1]))
    return float(bound[-1]) / last if last > 0 else float("inf")


def verify(g: Guarantee, *, mutant: str | None = None, trials: int | None = None, alpha: float = ALPHA) -> Verdict:
    """Try to break a theorem on its own hard instances, or one of its mutants, which must come out violated.

    The false-alarm rate over all instances together is at most `alpha`. Raises `ValueError` for an unknown mutant.
    """
    return joined([checked.verdict for checked in examine(g, mutant=mutant, trials=trials, alpha=alpha)])


def examine(
    g: Guarantee,
    *,
    mutant: str | None = None,
    trials: int | None = None,
    alpha: float = ALPHA,
    instances: int | None = None,
) -> list[Checked]:
    """As `verify`, instance by instance (the first `instances`, where given), with what was seen and the bound."""
    if g.cases is None:
        raise ValueError(f"{g.id} has no instances of its own: check it against a study")
    if mutant is not None and mutant not in g.mutants:
        raise ValueError(f"{g.id} has no mutant {mutant!r}; it has {', '.join(g.mutants) or 'none'}")
    algorithm = g.algorithm if mutant is None else g.mutants[mutant]
    cases = list(itertools.islice(g.cases(algorithm, trials or planned(g, mutant)), instances))
    return [judged(g, case, alpha=alpha / len(cases)) for case in cases]


def planned(g: Guarantee, mutant: str | None = None) -> int:
    """How many trials a theorem, or a mutant of it, is checked with where nobody says."""
    return g.mutant_trials if mutant and g.mutant_trials else g.trials


def settle(
    g: Guarantee, *, trials: int | None = None, alpha: float = ALPHA, doublings: int = 4
) -> tuple[list[Checked], bool]:
    r"""As `examine`, with twice the trials again and again until every verdict settles, at most `doublings` times.

    A violation settles it; a mean does where it lies six standard errors under its bound, a probability where the
    failures are too few for it. Look k is judged at :math:`\alpha2^{-k}`: together at most `alpha`. Also tells
    whether it settled: a claim that is an equality in the mean never does.
    """
    trials = trials or planned(g)
    for look in range(doublings + 1):
        checked = examine(g, trials=trials << look, alpha=alpha * 0.5 ** (look + 1))
        if any(c.verdict.status == "violated" for c in checked) or all(c.settled for c in checked):
            return checked, True
    return checked, False


def joined(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on all instances: violated by any, vacuous only where all are, else the one nearest to it."""
    order = {"violated": 3, "consistent": 2, "vacuous": 1, "inapplicable": 0}
    worst = max(verdicts, key=lambda v: (order[v.status], np.nan_to_num(v.ratio, nan=-1.0)))
    return dataclasses.replace(worst, trials=sum(v.trials for v in verdicts))
