"""The built-in studies, as data: what is run, what is recorded, and what is drawn of it."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
from scipy import stats

import altheory as al
import altheory.plot
from altheory.cli import bandit_study, best_arm_study, duel_study, route_command, rules, stop_study, stop_traces
from altheory.cli.data import digits, load, standardise, topics
from altheory.cli.design_study import RULES, design_study, design_table, draw_error, draw_variance
from altheory.cli.outcomes import load_outcomes, outcome_file, recorded_outcomes
from altheory.cli.search_study import SCALES, draw_welfare, gaussian_boxes, model_search, searches, welfare_table
from altheory.sim.metrics import Metric
from altheory.sim.study import Progress, summarise

Data = tuple[np.ndarray, np.ndarray, list[str]]


@dataclass(frozen=True)
class Options:
    """What the command line may change."""

    horizon: int
    data: Any = None
    budget: float | None = None
    seeds: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Part:
    """One study within a built-in study: a figure and a table of its own."""

    policies: Mapping[str, Any]
    oracle: Any
    record: tuple[Metric, ...]
    draw: Callable[[al.Study], Any]
    table: Callable[[al.Study], pd.DataFrame]
    run: Callable[[Path, Progress], al.Study] | None = None
    """What runs the study, from a folder for what is finished and a progress to report to; `al.study` where None."""
    first: tuple[str, ...] = ()
    """The policies run where none is asked for; all of them where empty."""
    more: Mapping[str, Callable[[al.Study], Any]] = dataclasses.field(default_factory=dict)
    """Further figures, by the ending of their files' names."""
    rounds: str = "rounds"
    """What the rounds of the study are."""


@dataclass(frozen=True)
class Builtin:
    """A study that the command runs by name."""

    about: str
    horizon: int
    seeds: int
    parts: Callable[[Options], dict[str, Part]]
    load: Callable[[Path, str | None], Any] | None = None
    """What reads --data, where the study takes it: features and labels, or a table of its own."""
    takes_budget: bool = False


BATCH = 10
"""Labels bought at once in the study of batches."""


def _pool(options: Options, *, batch: int = 1, **labelers: Any) -> al.LabelPool:
    x, y, names = options.data or digits()
    pool = al.LabelPool(standardise(x), y, held_out=0.25, classes=len(names), **labelers)
    can_ask, asked = len(x) - round(0.25 * len(x)), options.horizon * batch
    if asked > can_ask * pool.price.shape[0]:
        raise ValueError(f"--horizon asks for {asked} labels and the pool offers {can_ask}: ask for fewer")
    return pool


def _digits(options: Options) -> dict[str, Part]:
    pool = _pool(options)
    belief = rules.student(pool, options.horizon)
    policies = {name: _within(policy, options.budget) for name, policy in rules.singly(belief).items()}
    first = ("random", "entropy", "margin", "least confidence", "bald")
    return {"": Part(policies, pool, (al.accuracy, al.cost), al.plot.accuracy, accuracy_table, first=first)}


def _batches(options: Options) -> dict[str, Part]:
    pool = _pool(options, batch=BATCH)
    first = ("random", "top margin", "top bald", "power bald", "batch bald", "badge", "k-center", "certainty gain")
    return {"": _of_batches(pool, options, first)}


def _embeddings(options: Options) -> dict[str, Part]:
    pool = _pool(dataclasses.replace(options, data=options.data or topics()), batch=BATCH)
    first = ("random", "top entropy", "top margin", "top bald", "top epig", "batch bald", "badge", "cluster margin")
    return {"": _of_batches(pool, options, (*first, "k-center", "typiclust"))}


def _of_batches(pool: al.LabelPool, options: Options, first: tuple[str, ...]) -> Part:
    belief = rules.student(pool, BATCH * options.horizon)
    policies = {name: _within(policy, options.budget) for name, policy in rules.batches(belief, BATCH).items()}
    draw = functools.partial(al.plot.accuracy, against="cost")
    more = {"ranks": al.plot.critical_difference}
    return Part(policies, pool, (al.accuracy, al.cost), draw, ranked_table, first=first, more=more)


def _market(options: Options) -> dict[str, Part]:
    pool = _pool(
        options,
        price=jnp.array([0.01, 0.03, 0.10, 0.50]),
        flip=jnp.array([0.30, 0.20, 0.10, 0.01]),
        kind=("uniform", "hard", "classpair", "uniform"),
        informative=jnp.array([0.5, 1.2, 2.4, 2.4]),
    )
    belief = rules.student(pool, options.horizon)
    bald = al.score(al.bald_score, draws=16)
    policies = {
        "random": al.random(belief),
        "margin": al.Argmax(belief, al.margin_score),
        "bald": al.Argmax(belief, bald),
        "bald/$": al.Argmax(belief, al.per_dollar(bald)),
    }
    budget = 2.0 if options.budget is None else options.budget
    policies = {name: _within(policy, budget) for name, policy in policies.items()}
    record = (al.accuracy, al.cost, al.item)
    return {"": Part(policies, pool, record, functools.partial(al.plot.accuracy, against="cost"), market_table(pool))}


def _bandit(options: Options) -> dict[str, Part]:
    arms = jnp.array([0.3, 0.5, 0.9, 0.4])
    policies = {"ucb1": al.ucb1(4), "thompson": al.thompson_bernoulli(4), "uniform": al.random(4)}
    bounds = {"fixed": al.ucb1_regret, "bayes": al.thompson_bayes_regret}
    oracles = {"fixed": al.BernoulliBandit(arms), "bayes": al.BayesBernoulliBandit(4)}
    return {
        name: Part(
            policies,
            oracle,
            (al.regret, al.cost),
            functools.partial(al.plot.regret, bounds=[bounds[name]]),
            regret_table(bounds[name]),
        )
        for name, oracle in oracles.items()
    }


def _design(options: Options) -> dict[str, Part]:
    x, y, names = options.data or digits()

    @functools.cache
    def run() -> al.Study:
        return design_study(x, y, names, most=options.horizon, seeds=options.seeds, seed=options.seed)

    figures = {"variance": draw_variance, "error": draw_error}
    return {
        name: Part(dict.fromkeys(RULES), None, (), draw, design_table, lambda *_: run())
        for name, draw in figures.items()
    }


def _stopping(options: Options) -> dict[str, Part]:
    given = options.data
    pools = stop_traces.sources() if given is None else {"data": lambda: given[:2]}

    def run(folder: Path, progress: Progress) -> al.Study:
        return stop_study.stop_study(
            pools, most=options.horizon, seeds=options.seeds, seed=options.seed, folder=folder, progress=progress
        )

    return {
        "": Part(
            stop_study.RULES, None, (), stop_study.draw_stops, stop_study.stop_table, run, rounds="costs of an error"
        )
    }


def _pandora(options: Options) -> dict[str, Part]:
    parts = {}
    for name, scale in SCALES.items():
        oracle = gaussian_boxes(scale)
        table = welfare_table(al.weitzman_value(oracle.prize, oracle.price))
        parts[name] = Part(searches(oracle.prize), oracle, (al.welfare, al.labels), draw_welfare, table)
    return parts


def _which_model(options: Options) -> dict[str, Part]:
    prize, oracle = model_search(options.data)
    return {"": Part(searches(prize), oracle, (al.welfare, al.labels), draw_welfare, welfare_table(None))}


def _routing(options: Options) -> dict[str, Part]:
    outcomes = load_outcomes(options.data) if options.data else recorded_outcomes()
    x = route_command.leading(route_command.prompt_features(outcomes, None, None, None), 4)
    split = route_command.halves(outcomes, x, 0.5, options.seed, most=options.horizon)

    def run(folder: Path, progress: Progress) -> al.Study:
        rates = route_command.grid(split)
        return route_command.frontier(
            split, rates, seeds=options.seeds, seed=options.seed, folder=folder, progress=progress
        )

    table, draw = route_command.route_table(split), route_command.draw_frontier(split)
    names = dict.fromkeys(route_command.names(split))
    return {"": Part(names, None, (), draw, table, run, rounds="budgets")}


def _within(policy: Any, budget: float | None) -> Any:
    return policy if budget is None else al.Budgeted(policy, budget)


def accuracy_table(study: al.Study) -> pd.DataFrame:
    """Accuracy after the last label, its mean over rounds, and `p` of a paired one-sided t-test against `random`."""
    last, area = study.data["accuracy"].isel(round=-1), study.data["accuracy"].mean("round")
    table = summarise(last).rename(columns={"mean": "accuracy"})
    table["mean over rounds"] = area.mean("seed").values
    table["money"] = study.cumulative("cost").isel(round=-1).mean("seed").values
    if "random" in study.data.policy.values and study.data.sizes["seed"] > 1:
        gain = (last - last.sel(policy="random")).astype(np.float64).transpose("policy", "seed").values
        table["gain"] = gain.mean(1)
        table["p"] = [_p_value(g) for g in gain]
    return table


def ranked_table(study: al.Study) -> pd.DataFrame:
    """As `accuracy_table`, with each policy's mean rank over seeds in accuracy averaged over rounds."""
    made = accuracy_table(study)
    if study.data.sizes["seed"] > 1 and study.data.sizes["policy"] > 1:
        found = al.plot.ranks(*al.plot.area(study))
        made["mean rank"] = pd.Series(found.mean, index=list(found.names))
    return made


def _p_value(gain: np.ndarray) -> float:
    return float("nan") if np.ptp(gain) == 0 else float(stats.ttest_1samp(gain, 0, alternative="greater").pvalue)


def market_table(pool: al.LabelPool) -> Callable[[al.Study], pd.DataFrame]:
    """As `accuracy_table`, with how many labels were bought from whom."""

    def table(study: al.Study) -> pd.DataFrame:
        made = accuracy_table(study)
        item = study.data["item"]
        for who, price in enumerate(np.asarray(pool.price)):
            mine = (item // pool.X.shape[0] == who) & (item >= 0)
            made[f"labels at {price:g}"] = mine.sum("round").mean("seed").values
        return made

    return table


def _bandits(options: Options) -> dict[str, Part]:
    bounds, lower = bandit_study.BOUNDS, (al.lai_robbins,)
    draw = functools.partial(al.plot.regret, bounds=bounds, lower=lower, log="xy")
    table = bandit_study.bounds_table(bounds, lower)
    parts = {}
    for name, oracle in bandit_study.instances().items():
        policies = bandit_study.stochastic(oracle.means.shape[0], options.horizon)
        first = tuple(p for p in policies if p not in bandit_study.SLOW)
        record = (al.regret, bandit_study.lost_best)
        parts[name] = Part(policies, oracle, record, draw, table, first=first)
    losses = al.AdversarialBandit(jnp.asarray(bandit_study.table_of_losses(options.horizon)))
    policies = bandit_study.adversarial(options.horizon)
    parts["adversarial"] = Part(policies, losses, (al.regret,), al.plot.regret, bandit_study.losses_table)
    return parts


def _nonstationary(options: Options) -> dict[str, Part]:
    bounds = (al.sw_ucb_regret,)
    draw, table = functools.partial(al.plot.regret, bounds=bounds), bandit_study.bounds_table(bounds)
    made = bandit_study.changing(options.horizon)
    return {name: Part(policies, oracle, (al.regret,), draw, table) for name, (policies, oracle) in made.items()}


def _best_arm(options: Options) -> dict[str, Part]:
    def runner(kind: str) -> Callable[[Path, Progress], al.Study]:
        return lambda folder, progress: best_arm_study.best_arm_study(
            kind, most=options.horizon, seeds=options.seeds, seed=options.seed, folder=folder, progress=progress
        )

    s = best_arm_study
    return {
        "budget": Part(dict.fromkeys(s.BY_BUDGET), None, (), s.draw_budget, s.budget_table, runner("budget"),
                       rounds="budgets"),
        "confidence": Part(dict.fromkeys(s.BY_CONFIDENCE), None, (), s.draw_confidence, s.confidence_table,
                           runner("confidence"), rounds="levels"),
    }  # fmt: skip


def _duels(options: Options) -> dict[str, Part]:
    table = duel_study.duels_table
    parts = {
        name: Part(duel_study.duellists(), oracle, (al.regret,), functools.partial(al.plot.regret, log="x"), table)
        for name, oracle in duel_study.instances().items()
    }
    policies, oracle = duel_study.contextual()
    draw = functools.partial(al.plot.curve, metric="shown_regret", cumulative=True)
    record = (al.shown_regret, al.labels)
    more = {"labels": functools.partial(al.plot.curve, metric="labels", cumulative=True, bounds=(al.unsure_queries,))}
    features = Part(policies, oracle, record, draw, duel_study.contextual_table, more=more)
    return parts | {"features": features}


def regret_table(g: al.Guarantee) -> Callable[[al.Study], pd.DataFrame]:
    """Cumulative regret at the end, and what the theorem says of each policy."""

    def table(study: al.Study) -> pd.DataFrame:
        made = summarise(study.cumulative("regret").isel(round=-1)).rename(columns={"mean": "regret"})
        verdicts = al.check(g, study)
        made[f"{g.id} bound"] = [verdicts[name].status for name in made.index]
        made["times loose"] = [verdicts[name].looseness for name in made.index]
        return made

    return table


STUDIES: dict[str, Builtin] = {
    "digits": Builtin(
        "Active learning on handwritten digits (or --data): accuracy on held-out items against labels bought",
        60, 50, _digits, load=load, takes_budget=True,
    ),
    "batches": Builtin(
        "The same pool, ten labels bought a round: the top of a score against rules that pick a set",
        12, 20, _batches, load=load, takes_budget=True,
    ),
    "embeddings": Builtin(
        "Batches of ten on simulated topic embeddings (or --data, real ones): curves, areas and mean ranks",
        20, 20, _embeddings, load=load, takes_budget=True,
    ),
    "market": Builtin(
        "The same pool with three simulated LLM labelers and a person, under a budget in dollars (2 by default)",
        200, 10, _market, load=load, takes_budget=True,
    ),
    "design": Builtin(
        "Optimal designs on digits (or --data): worst variance and held-out error against labels bought",
        200, 10, _design, load=load,
    ),
    "stopping": Builtin(
        "When to stop buying labels: every stop rule on the same runs on real data, over a grid of error costs",
        250, 10, _stopping, load=load,
    ),
    "pandora": Builtin(
        "A dozen boxes at three scales of prices: Weitzman's rule, its formula, greedy, random and opening all",
        12, 1000, _pandora,
    ),
    "which-model": Builtin(
        "Which language model to use, each evaluation at its price: recorded answers, simulated ones, or --data",
        27, 500, _which_model, load=outcome_file,
    ),
    "routing": Builtin(
        "Prompts sent to models under a budget: quality against cost, on recorded answers, simulated ones, or --data",
        1500, 10, _routing, load=outcome_file,
    ),
    "bandits": Builtin(
        "A dozen bandit policies on three stochastic instances and an adversarial table, with upper and lower bounds",
        2000, 200, _bandits,
    ),
    "nonstationary": Builtin(
        "Bandits whose means jump, drift, or rise with their own pulls: windows, discounts, restarts, trends",
        3000, 100, _nonstationary,
    ),
    "best-arm": Builtin(
        "The best arm: errors against a budget with their bound, and pulls until sure against the least any rule needs",
        2500, 400, _best_arm,
    ),
    "duels": Builtin(
        "Which of two is better: regret on an order and a cycle, and duels with features that are asked about or not",
        600, 60, _duels,
    ),
    "bandit": Builtin("UCB1, Thompson sampling and uniform play, with their regret bounds", 5000, 200, _bandit),
}  # fmt: skip
