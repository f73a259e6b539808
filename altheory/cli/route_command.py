"""`altheory route`: policies that send prompts to models under a budget, simulated on a table of recorded outcomes."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from rich.console import Console

import altheory as al
from altheory.cli.outcomes import Outcomes, load_outcomes, read_table, recorded_outcomes
from altheory.cli.route_teams import Arm, Half, calibrated, can_train, half, network, team_names, teams
from altheory.cli.tables import show
from altheory.cli.texts import text_features
from altheory.plot.figure import StudyFigure, canvas, style
from altheory.sim.blocks import atomic
from altheory.sim.manifest import manifest
from altheory.sim.study import Progress, progress_bar

BUDGETS = 7
"""Budgets on the frontier, where none is asked for."""

RESAMPLES = 10_000

ROUTERS = (
    "best fixed", "best mixture", "static router", "contextual ucb", "contextual thompson",
    "contextual ucb, nothing known before",
)  # fmt: skip
NETWORK = "squarecb, a network"


@dataclass(frozen=True, eq=False)
class Split:
    """Outcomes of the prompts to learn from, `before`, and of those that come as a stream, `after`."""

    before: Half
    after: Half
    most: np.ndarray
    """The declared price of each model: the dearest of its recorded answers."""


def run_route(
    table: Path | None,
    *,
    features: Path | None,
    prompts: str | None,
    budget: list[float] | None,
    dim: int,
    held_in: float,
    person: float | None = None,
    person_right: float = 0.97,
    seeds: int,
    seed: int,
    out: Path,
    console: Console,
) -> list[Path]:
    """Simulate, print the table, write the frontier's numbers, figure and manifest; returns the files."""
    outcomes = load_outcomes(table) if table else recorded_outcomes()
    if person is not None:
        outcomes = outcomes.with_person(person, person_right, seed)
    x = leading(prompt_features(outcomes, table, features, prompts), dim)
    split = halves(outcomes, x, held_in, seed)
    rates = [b / len(split.after.x) for b in budget] if budget else grid(split)
    with progress_bar(len(rates) * len(names(split)), quiet=not console.is_terminal) as progress:
        study = frontier(split, rates, seeds=seeds, seed=seed, folder=out / ".blocks", progress=progress)
    summary = route_table(split)(study)
    show(console, summary, f"{len(split.after.x)} prompts, {len(outcomes.models)} models, {seeds} orders")
    return write(out, study, summary, draw_frontier(split)(study))


def prompt_features(outcomes: Outcomes, table: Path | None, features: Path | None, prompts: str | None) -> np.ndarray:
    """A row an item, in the order in which they first come in the table: of a .npy, or of their texts."""
    if features is not None and prompts is not None:
        raise ValueError("--features and --prompts are two ways to say the same: give one of them")
    if features is not None:
        x = np.load(features, allow_pickle=False).astype(np.float64)
        if x.ndim != 2 or len(x) != len(outcomes.items) or not np.isfinite(x).all():
            raise ValueError(
                f"--features {features} must be a finite matrix of {len(outcomes.items)} rows, one for each item in "
                f"the order in which they first come; its shape is {x.shape}"
            )
        return x
    if prompts is None:
        return np.zeros((len(outcomes.items), 0)) if outcomes.x is None else outcomes.x
    if table is None:
        raise ValueError("--prompts names a column of a table: give the table too")
    frame = read_table(table)
    if prompts not in frame:
        raise ValueError(f"{table} has no column {prompts!r}; it has {', '.join(map(str, frame.columns))}")
    texts = frame.drop_duplicates("item")[prompts].astype(str).tolist()
    return text_features(texts)


def leading(x: np.ndarray, dim: int) -> np.ndarray:
    """The `dim` leading principal components, of unit mean square together, and a constant column."""
    ones = np.ones((len(x), 1))
    if x.shape[1] == 0 or dim < 1:
        return ones
    centred = x - x.mean(0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    made = u[:, :dim] * s[:dim]
    size = np.sqrt((made**2).sum(1).mean())
    return np.c_[made * np.sqrt(made.shape[1]) / (size if size > 0 else 1), ones]


def halves(outcomes: Outcomes, x: np.ndarray, held_in: float, seed: int, *, most: int | None = None) -> Split:
    """A random share of the prompts to learn from, and the rest, of which at most `most` are routed."""
    if not 0 < held_in < 1:
        raise ValueError(f"--held-in must lie between 0 and 1; it is {held_in:g}")
    order = np.random.default_rng(seed).permutation(len(x))
    cut = round(held_in * len(x))
    if min(cut, len(x) - cut) < 10:
        raise ValueError(f"--held-in leaves {cut} prompts to learn from and {len(x) - cut} to route: 10 are the least")
    sure = calibrated(outcomes, x, order[:cut])
    parts = [half(outcomes, x, sure, rows) for rows in (order[:cut], order[cut:][:most])]
    return Split(parts[0], parts[1], outcomes.dollars.max(0))


def grid(split: Split) -> list[float]:
    """Budgets a prompt, from one and a half times the least that is safe to the price of the most accurate model.

    One of them is half of that price, where that is safe.
    """
    cost, right = split.after.dollars.mean(0), split.after.right.mean(0)
    low, high = 1.5 * split.most.min(), float(cost[right.argmax()])
    if high <= low:
        return [low]
    return sorted({*np.geomspace(low, high, BUDGETS).tolist(), max(high / 2, low)})


def policies(split: Split, rate: float) -> dict[str, Any]:
    """Policies on single models that are compared at a budget of `rate` dollars a prompt."""
    x, right, dollars = split.before.x, split.before.right, split.before.dollars
    horizon, (dim, models) = len(split.after.x), (x.shape[1], right.shape[1])
    money = rate * horizon
    cold: Any = al.router(dim, models, budget=money, horizon=horizon, width=0.2)
    x32, taught = jnp.asarray(x, jnp.float32), [jnp.asarray(t, jnp.float32) for t in (right, dollars / rate)]
    warm = cold.replace(belief=cold.belief.taught(x32, taught[0]), cost=cold.cost.taught(x32, taught[1]))
    spend, mean = dollars.mean(0), right.mean(0)
    afford = np.where(spend <= max(rate, spend.min()), mean, -1)
    mix = al.best_mixture(mean, spend, max(rate, float(spend.min())))
    kept = {"belief": al.frozen(warm.belief), "cost": al.frozen(warm.cost), "score": al.score(al.mean_score)}
    made = {
        "best fixed": al.FixedMix(jnp.eye(models)[afford.argmax()], money, horizon),
        "best mixture": al.FixedMix(jnp.asarray(mix.weights, jnp.float32), money, horizon),
        "static router": warm.replace(**kept),
        "contextual ucb": warm,
        "contextual thompson": warm.replace(score=al.score(al.thompson)),
        "contextual ucb, nothing known before": cold,
    }
    if can_train():
        learner = network_of(split)
        made[NETWORK] = warm.replace(
            belief=learner, score=al.score(al.mean_score), gamma=100.0 * (models * horizon) ** 0.5
        )
    return made


@functools.lru_cache(maxsize=1)
def network_of(split: Split) -> Any:
    """The network trained on what was held in, once for all budgets."""
    return network(split.before)


def names(split: Split) -> list[str]:
    """All that is compared: no model is fitted to tell."""
    network = [NETWORK] if can_train() else []
    return [*ROUTERS, *network, *team_names(split.before)]


def frontier(split: Split, rates: list[float], *, seeds: int, seed: int, folder: Path, progress: Progress) -> al.Study:
    """Mean quality and dollars a prompt of each policy and order at each budget, which is the study's `round`."""
    if seeds < 2:
        raise ValueError(f"--seeds must be at least 2; it is {seeds}")
    alone = stream_of(split, [])
    found: dict[str, list[np.ndarray]] = {"quality": [], "spent": [], "answered": []}
    hashes, horizon = [], len(split.after.x)
    for rate in rates:
        runs: list[tuple[dict[str, Any], Any]] = [(policies(split, rate), alone)]
        for name, arm in teams(split.before, split.after, split.most, rate).items():
            always = np.append(np.zeros(len(split.most)), 1.0)
            runs.append(({name: al.FixedMix(jnp.asarray(always), rate * horizon, horizon)}, stream_of(split, [arm])))
        here: dict[str, list[np.ndarray]] = {mine: [] for mine in found}
        for compared, stream in runs:
            study = al.study(
                compared, stream, jax.random.key(seed), horizon=horizon, seeds=seeds,
                record=(al.earned, al.cost, al.labels), checkpoint=folder,
                progress=functools.partial(_tell, progress, rate),
            )  # fmt: skip
            study.raise_for_status()
            hashes.append(study.manifest["hash"])
            for mine, metric in zip(found, ("earned", "cost", "labels"), strict=True):
                each = study.data[metric].transpose("policy", "seed", "round").astype(np.float64)
                here[mine].append(each.mean("round").values)
        for mine, parts in here.items():
            found[mine].append(np.concatenate(parts))
    data: dict[str, Any] = {k: (("policy", "seed", "round"), np.stack(v, -1)) for k, v in found.items()}
    compared_names = names(split)
    data["status"] = (("policy", "seed"), np.zeros((len(compared_names), seeds), np.int32))
    made = xr.Dataset(data, {"policy": compared_names, "seed": np.arange(seeds), "round": 1000 * np.array(rates)})
    return al.Study(made, manifest({"study": "route", "parts": hashes, "rates": rates}))


def stream_of(split: Split, more: list[Arm]) -> al.PromptStream:
    """The prompts to route, and the models that may answer, with arms made of several of them."""
    columns = [(split.after.right, [arm.quality for arm in more]), (split.after.dollars, [arm.dollars for arm in more])]
    right, dollars = (np.column_stack([table, *extra]) for table, extra in columns)
    most = np.nextafter(np.append(split.most, [arm.most for arm in more]).astype(np.float32), np.float32(np.inf))
    x, q, c, p = (jnp.asarray(a, jnp.float32) for a in (split.after.x, right, dollars, most))
    return al.PromptStream(x, q, c, p)


def _tell(progress: Callable[[str, int, int], None], rate: float, name: str, done: int, seeds: int) -> None:
    progress(f"{name} at {1000 * rate:.3g}", done, seeds)


def bounds(split: Split, rates: list[float]) -> dict[str, np.ndarray]:
    """What no assignment exceeds that knows every outcome, and the best mixture that knows the means."""
    right, dollars = split.after.right, split.after.dollars
    least = float(dollars.min(1).sum())
    known = [al.best_routing(right, dollars, max(rate * len(right), least)).bound / len(right) for rate in rates]
    spend = dollars.mean(0)
    mixed = [al.best_mixture(right.mean(0), spend, max(rate, float(spend.min()))).quality for rate in rates]
    return {"bound": np.array(known), "mixture": np.array(mixed)}


def area(rates: list[float], quality: np.ndarray) -> float:
    """The mean of quality over the logarithm of the budget, by trapezoids; the quality itself for one budget."""
    at = np.log(rates)
    return float(np.trapezoid(quality, at) / (at[-1] - at[0])) if len(rates) > 1 else float(quality[0])


def half_price(split: Split, rates: list[float]) -> int:
    """The budget on the grid that is nearest to half the price of the most accurate model."""
    right, dollars = split.after.right, split.after.dollars
    middle = float(dollars.mean(0)[right.mean(0).argmax()]) / 2
    return int(np.abs(np.log(np.array(rates) / middle)).argmin())


def route_table(split: Split) -> Callable[[al.Study], pd.DataFrame]:
    """A row a policy: area under the frontier, quality and spending near half price, and how it compares there.

    `p` is that of a bootstrap over orders: the policy is below the best mixture of models known in hindsight.
    """

    def table(study: al.Study) -> pd.DataFrame:
        rates = (study.data["round"].values / 1000).tolist()
        at, limits = half_price(split, rates), bounds(split, rates)
        rng, rows = np.random.default_rng(0), {}
        for name in study.data.policy.values:
            mine = study.data.sel(policy=name)
            quality = mine["quality"].transpose("seed", "round").values
            here = quality[:, at]
            draws = here[rng.integers(0, len(here), (RESAMPLES, len(here)))].mean(1)
            rows[str(name)] = {
                "area": area(rates, quality.mean(0)), "quality": here.mean(), "5 %": np.quantile(here, 0.05),
                "95 %": np.quantile(here, 0.95), "spent": mine["spent"].isel(round=at).mean().item() / rates[at],
                "over mixture": here.mean() - limits["mixture"][at], "p": float((draws < limits["mixture"][at]).mean()),
            }  # fmt: skip
        for name, key in (("best mixture, in hindsight", "mixture"), ("every answer known", "bound")):
            rows[name] = {"area": area(rates, limits[key]), "quality": limits[key][at]}
        made = pd.DataFrame(rows).T
        made.index.name = f"at {1000 * rates[at]:.3g} dollars a 1,000 prompts"
        return made

    return table


def draw_frontier(split: Split) -> Callable[[al.Study], StudyFigure]:
    """Quality against the budget, with 5 % to 95 % of orders, the models alone, and what bounds them all."""

    def draw(study: al.Study) -> StudyFigure:
        figure, axes = canvas(study.manifest, width=8.0, height=5.0)
        right, dollars = split.after.right, split.after.dollars
        at = study.data["round"].values
        limits = bounds(split, (at / 1000).tolist())
        axes.plot(1000 * dollars.mean(0), right.mean(0), "x", color="#777777", markersize=5, label="a single model")
        axes.plot(at, limits["bound"], color="#000000", linewidth=1.0, linestyle=":")
        axes.plot(at, limits["mixture"], color="#777777", linewidth=1.0, label="best mixture, in hindsight")
        for i, name in enumerate(study.data.policy.values):
            quality = study.data["quality"].sel(policy=name).transpose("seed", "round").values
            look = style(i) | {"markevery": 1}
            axes.plot(at, quality.mean(0), label=str(name), **look)
            low, high = np.quantile(quality, [0.05, 0.95], axis=0)
            axes.fill_between(at, low, high, color=look["color"], alpha=0.15, linewidth=0)
        shown = np.append(study.data["quality"].values, limits["mixture"])
        axes.set_ylim(shown.min() - 0.01, min(shown.max() + 0.03, 1))
        axes.set_xscale("log")
        for ticks in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            ticks("{x:g}")
        axes.set_xlim(at.min() / 1.05, at.max() * 1.05)
        axes.set_xlabel("budget, dollars a 1,000 prompts")
        axes.set_ylabel("quality; bands: 5 % to 95 % of orders")
        figure.legend(fontsize=8, frameon=False, loc="outside lower center", ncols=3)
        return figure

    return draw


def write(out: Path, study: al.Study, summary: pd.DataFrame, figure: StudyFigure) -> list[Path]:
    """The runs, the table, the figure and the manifest."""
    out.mkdir(parents=True, exist_ok=True)
    files = [study.save(out / "route.nc")]
    texts = {"route.csv": summary.to_csv(), "route.json": json.dumps(study.manifest, indent=1, sort_keys=True)}
    for name, text in texts.items():
        with atomic(out / name) as temporary:
            temporary.write_text(text)
        files.append(out / name)
    for kind in ("png", "svg"):
        with atomic(out / f"route.{kind}") as temporary:
            figure.savefig(temporary, format=kind)
        files.append(out / f"route.{kind}")
    return files
