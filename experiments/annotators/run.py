"""What label models make of real crowds and of 65 LLM judges, and whom to ask: the numbers of docs/annotators.md.

Accuracy of the majority, one-coin, Dawid-Skene and MACE; how sure Dawid-Skene says it is and how often it is right;
how far annotators err together, and how many independent ones they are worth; labels bought from a replayed crowd.
`ALTHEORY_DATA` names the folder of the data; what is not there is left out. `--smoke` runs on a simulated crowd and on
simulated judges that err together. `expected.json` holds the numbers of both.
"""

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pandas as pd

import altheory as al

HERE = Path(__file__).parent
DATA = Path(os.environ.get("ALTHEORY_DATA", HERE.parents[2] / "shared" / "data"))
KNOWN = 100
MODELS = {"one-coin": al.one_coin, "Dawid-Skene": al.dawid_skene, "MACE": al.mace}

Numbers = dict[str, float]


class Crowd(NamedTuple):
    """Labels `[n, 3]`, the items' classes, negative where unknown, and which model each judge is a prompt of."""

    labels: np.ndarray
    truth: np.ndarray
    family: np.ndarray | None = None


def codes(column: pd.Series) -> np.ndarray:
    return column.astype("category").cat.codes.to_numpy()


def real_crowds() -> Iterator[tuple[str, Crowd]]:
    for name in ("sentiment_sp", "sentiment_sp_amt", "weather_cf_amt"):
        folder = DATA / "crowd_sentiment_weather"
        a, gold = pd.read_parquet(folder / f"{name}_labels.parquet"), pd.read_parquet(folder / f"{name}_gold.parquet")
        item = pd.Index(gold["task"]).get_indexer(a["task"])
        yield name, Crowd(np.stack([item, codes(a["worker"]), a["label"]], 1).astype(int), gold["gold"].to_numpy(int))
    a = pd.read_parquet(DATA / "crowd_immigration" / "labels.parquet")
    gold = pd.read_parquet(DATA / "crowd_immigration" / "items.parquet")["gold"].to_numpy(int)
    for i in (1, 2):
        b = a[a["replicate"] == i]
        yield f"immigration {i}", Crowd(np.stack([b["item"], codes(b["worker"]), b["label"]], 1).astype(int), gold)


def real_judges() -> Iterator[tuple[str, Crowd]]:
    folder = DATA / "llmjudge_llmbar"
    a, items = pd.read_parquet(folder / "labels.parquet"), pd.read_parquet(folder / "items.parquet")
    a = a[a["label_ab"] > 0].assign(arm=a["judge"] + "/" + a["strategy"])
    natural = (items["subset"] == "LLMBar/Natural").to_numpy()
    parts = {
        "all 65 judges": (a, np.ones(len(items), bool)),
        "15 prompts of GPT-4": (a[a["judge"] == "GPT-4"], np.ones(len(items), bool)),
        "all 65, natural items": (a, natural),
    }
    for name, (b, kept) in parts.items():
        b, place = b[kept[b["item"]]], np.cumsum(kept) - 1
        labels = np.stack([place[b["item"]], codes(b["arm"]), b["label_ab"] - 1], 1).astype(int)
        family = np.array([arm.split("/")[0] for arm in sorted(b["arm"].unique())])
        yield name, Crowd(labels, items["gold"].to_numpy(int)[kept] - 1, family)


def simulated_crowd(*, items: int = 300, each: int = 5) -> Crowd:
    """Independent annotators of very different skill, two classes."""
    rng = np.random.default_rng(0)
    skill, truth = rng.choice([0.95, 0.55], 20), rng.integers(0, 2, items)
    rows = [(i, w, truth[i] ^ int(rng.random() > skill[w])) for i in range(items) for w in rng.permutation(20)[:each]]
    return Crowd(np.array(rows), truth)


def simulated_judges(*, items: int = 300, judges: int = 30) -> Crowd:
    """Judges of three models: all are wrong together on the items that mislead their model."""
    rng = np.random.default_rng(1)
    truth, model = rng.integers(0, 2, items), np.arange(judges) % 3
    misled = rng.random((items, 3)) < np.array([0.2, 0.45, 0.5])
    wrong = np.where(rng.random((items, judges)) < 0.85, misled[:, model], rng.random((items, judges)) < 0.5)
    return Crowd(al.triples(np.where(wrong, 1 - truth[:, None], truth[:, None])), truth, model)


def stated(posterior: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Accuracy, and the mean probability given to the likeliest class, over items of known class."""
    p, y = np.asarray(posterior, np.float64)[truth >= 0], truth[truth >= 0]
    return float((p.argmax(1) == y).mean()), float(p.max(1).mean())


def accuracies(crowd: Crowd) -> Numbers:
    """How often each label model is right, and how sure Dawid-Skene is."""
    size, found = {"items": len(crowd.truth)}, {}
    found["majority"] = stated(al.vote_shares(crowd.labels, **size), crowd.truth)[0]
    for name, fit in MODELS.items():
        found[name], found["stated"] = stated(fit(crowd.labels, **size).posterior, crowd.truth)
        if name == "Dawid-Skene":
            found["stated by Dawid-Skene"] = found["stated"]
    del found["stated"]
    for alpha in (0.0, 0.1):
        rough = al.dawid_skene(crowd.labels, smoothing=alpha, **size)
        found[f"Dawid-Skene, smoothing {alpha:g}"] = stated(rough.posterior, crowd.truth)[0]
    dependence = al.error_dependence(crowd.labels, crowd.truth)
    return found | {"correlation": dependence.mean, "effective": dependence.effective}


def judged(crowd: Crowd) -> Numbers:
    """The same for judges who err together, without and with known items, plain and with labels weighed down."""
    found, truth = accuracies(crowd), crowd.truth
    right = crowd.labels[:, 2] == truth[crowd.labels[:, 0]]
    each = np.bincount(crowd.labels[:, 1], right) / np.bincount(crowd.labels[:, 1])
    found |= {"best judge": each.max(), "mean judge": each.mean(), "judges below half": float((each < 0.5).sum())}
    correlation, first, second = al.error_dependence(crowd.labels, truth).correlation, *np.triu_indices(len(each), 1)
    same = crowd.family[first] == crowd.family[second]
    for name, pairs in (("of one model", same), ("of two models", ~same)):
        if pairs.any():
            found[f"correlation {name}"] = np.nanmean(correlation[first[pairs], second[pairs]])
    chosen = np.random.default_rng(0).permutation(len(truth))[: min(KNOWN, len(truth) // 3)]
    known = np.full_like(truth, -1)
    known[chosen] = truth[chosen]
    rest = np.where(known < 0, truth, -1)
    told = al.dawid_skene(crowd.labels, known=known)
    found["with known items"], found["stated with known items"] = stated(told.posterior, rest)
    dependence = al.error_dependence(crowd.labels, known)
    share = dependence.worth(len(each)) / len(each)
    weighed = al.dawid_skene(crowd.labels, known=known, weight=np.full(len(crowd.labels), share), smoothing=share)
    found["weighed down"], found["stated weighed down"] = stated(weighed.posterior, rest)
    found["effective from known items"] = dependence.effective
    return found


def whom_to_ask(crowd: Crowd, *, seeds: int, each: tuple[float, ...]) -> Numbers:
    """Accuracy after so many labels an item, bought from the replayed crowd by information or at random."""
    pool = al.ReplayPool(crowd.labels, y=crowd.truth)
    horizon = int(max(each) * pool.items)
    belief = al.crowd(pool.items, pool.labelers, pool.classes, capacity=horizon)
    policies = {"information": al.Argmax(belief, al.score(al.bald_score, draws=16)), "random": al.random(belief)}
    study = al.study(policies, pool, jax.random.key(0), horizon=horizon, seeds=seeds, record=(al.accuracy,))
    study.raise_for_status()
    mean = study.data["accuracy"].mean("seed")
    return {f"{p}, {k} an item": float(mean.sel(policy=p)[int(k * pool.items) - 1]) for p in policies for k in each}


def full() -> dict[str, Numbers]:
    found = {}
    if (DATA / "crowd_sentiment_weather").is_dir() and (DATA / "crowd_immigration").is_dir():
        crowds = dict(real_crowds())
        found |= {name: accuracies(crowd) for name, crowd in crowds.items()}
        found["replayed sentiment_sp_amt"] = whom_to_ask(crowds["sentiment_sp_amt"], seeds=5, each=(1.0, 2.0, 3.0))
    if (DATA / "llmjudge_llmbar").is_dir():
        found |= {name: judged(crowd) for name, crowd in real_judges()}
    return found


def smoke() -> dict[str, Numbers]:
    return {
        "simulated crowd": accuracies(simulated_crowd()),
        "simulated judges": judged(simulated_judges()),
        "replayed simulated crowd": whom_to_ask(simulated_crowd(items=60), seeds=4, each=(1.0, 2.0)),
    }


def check(numbers: dict[str, Numbers], expected: dict[str, Numbers]) -> None:
    """Compare with what an earlier run gave, on the parts that were run; another platform may round otherwise."""
    for part in numbers:
        for name, value in expected[part].items():
            if abs(numbers[part][name] - value) > 0.02 * max(1.0, abs(value)):
                raise SystemExit(f"{part}, {name}: {numbers[part][name]} where {value} is expected")
    print("as expected")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--smoke", action="store_true", help="simulated crowds alone")
    words.add_argument("--out", type=Path, default=Path("out/annotators"))
    given = words.parse_args()
    found = smoke() if given.smoke else full()
    numbers = {part: {k: round(float(v), 4) for k, v in values.items()} for part, values in found.items()}
    for part, values in numbers.items():
        print(f"\n{part}\n{pd.Series(values).to_string()}")
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "numbers.json").write_text(json.dumps(numbers, indent=1))
    check(numbers, json.loads((HERE / "expected.json").read_text()))


if __name__ == "__main__":
    main()
