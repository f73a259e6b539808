"""`altheory route` on a table of a user's own: the files, the table, the bounds, and what it refuses."""

import json

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import altheory as al
from altheory.cli import route_command as r
from altheory.cli import texts
from altheory.cli.outcomes import as_outcomes, simulated_outcomes


def long(outcomes):
    """Rows of item, model, correct, usd, with a text that tells how hard an item is."""
    hard = outcomes.x[:, 0] > 0
    rows = [
        (item, model, outcomes.right[i, k], outcomes.dollars[i, k], "prove that" if hard[i] else "add up")
        for i, item in enumerate(outcomes.items)
        for k, model in enumerate(outcomes.models)
    ]
    return pd.DataFrame(rows, columns=["item", "model", "correct", "usd", "prompt"])


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("route") / "table.parquet"
    long(simulated_outcomes(items=240, models=4)).to_parquet(path)
    return path


def route(table, out, **changes):
    options = {"features": None, "prompts": "prompt", "budget": None, "dim": 2, "held_in": 0.5, "seeds": 3, "seed": 0}
    return r.run_route(table, **(options | changes), out=out, console=Console(quiet=True))


def test_it_writes_a_frontier_within_its_bounds_and_can_be_made_again(table, tmp_path):
    budget = [0.02, 0.05]
    files = route(table, tmp_path / "a", budget=budget)
    assert {f.name for f in files} == {"route.nc", "route.csv", "route.json", "route.png", "route.svg"}
    study = al.Study.load(tmp_path / "a" / "route.nc")
    assert study.data.sizes == {"policy": 8, "seed": 3, "round": 2}
    assert {"cascade", "squarecb, a network"} < set(study.data.policy.values)
    rates = study.data["round"].values / 1000
    np.testing.assert_allclose(rates, np.array(budget) / 120)
    assert (study.data["spent"].values <= rates * (1 + 1e-6)).all()
    assert (study.data["answered"] == 1).all()
    made = pd.read_csv(tmp_path / "a" / "route.csv", index_col=0)
    assert (made["quality"] <= made.loc["every answer known", "quality"] + 1e-9).all()
    again = route(table, tmp_path / "b", budget=budget)
    for one, other in zip(files[1:], again[1:], strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert json.loads((tmp_path / "a" / "route.json").read_text())["config"]["rates"] == [b / 120 for b in budget]


def test_features_come_from_a_file_from_texts_or_not_at_all(table, tmp_path):
    outcomes = r.load_outcomes(table)
    assert r.leading(r.prompt_features(outcomes, table, None, None), 3).shape == (240, 1)
    texts = r.prompt_features(outcomes, table, None, "prompt")
    kinds = long(simulated_outcomes(items=240, models=4)).drop_duplicates("item")["prompt"] == "add up"
    assert len(np.unique(texts, axis=0)) == 2
    assert (texts[kinds] == texts[kinds][0]).all()
    np.save(tmp_path / "x.npy", np.arange(480.0).reshape(240, 2))
    made = r.leading(r.prompt_features(outcomes, table, tmp_path / "x.npy", None), 5)
    assert made.shape == (240, 3)
    np.testing.assert_allclose((made[:, :2] ** 2).sum(1).mean(), 2)


def test_texts_are_embedded_where_the_packages_are_there(monkeypatch):
    told = ["add 2 and 3", "what is two plus three?", "name the capital of France"]
    plain = texts.text_features(told) if not texts.can_embed() else np.c_[texts.hashed(told), np.zeros(3)]
    assert plain.shape == (3, texts.BUCKETS + 1)
    np.testing.assert_allclose(np.linalg.norm(plain[:, :-1], axis=1), 1)
    monkeypatch.setattr(texts, "can_embed", lambda: True)
    monkeypatch.setattr(texts, "embeddings", lambda t: np.ones((len(t), 384)))
    made = texts.text_features(told)
    assert made.shape == (3, 385)
    np.testing.assert_allclose(made[:, -1], np.log1p([len(t) for t in told]))


@pytest.mark.skipif(not texts.can_embed(), reason="torch, transformers and the model are not installed")
def test_embeddings_know_what_is_alike():
    one, two, other = texts.embeddings(["how old are you?", "what is your age?", "the stock market fell"])
    assert one @ two > 0.6
    assert one @ other < 0.3
    assert np.linalg.norm(one) == pytest.approx(1)


def test_the_bounds_are_those_of_the_routed_prompts(table):
    outcomes = r.load_outcomes(table)
    split = r.halves(outcomes, np.ones((240, 1)), 0.5, 0)
    assert len(split.before.x) == len(split.after.x) == 120
    rates = r.grid(split)
    limits = r.bounds(split, rates)
    assert (np.diff(limits["bound"]) >= -1e-12).all()
    assert (limits["bound"] >= limits["mixture"] - 1e-12).all()
    half = split.after.dollars.mean(0)[split.after.right.mean(0).argmax()] / 2
    assert abs(np.log(rates[r.half_price(split, rates)] / half)) == min(abs(np.log(np.array(rates) / half)))
    assert max(rates) == max(2 * half, 1.5 * split.most.min())
    assert r.area([1.0, np.e], np.array([0.2, 0.4])) == pytest.approx(0.3)


def test_a_person_and_recorded_answers_are_more_arms(table):
    outcomes = r.load_outcomes(table)
    frame = pd.read_parquet(table)
    frame["answer"] = np.where(frame["correct"] > 0, "right", frame["model"])
    frame["confidence"] = 0.5 + 0.4 * frame["correct"]
    told = as_outcomes(frame, "table").with_person(0.5, 1.0, 0)
    assert told.models == (*outcomes.models, "person")
    assert (told.right[:, -1] == 1).all()
    assert (told.dollars[:, -1] == 0.5).all()
    split = r.halves(told, np.ones((240, 1)), 0.5, 0)
    made = r.teams(split.before, split.after, split.most, 0.3)
    assert r.names(split) == [*r.policies(split, 0.3), *made]
    assert list(made) == ["cascade", "vote of three"]
    assert ((split.after.sure > 0.5) == (split.after.right > 0.5))[:, :-1].mean() > 0.99
    assert made["cascade"].quality.mean() > split.after.right[:, :-1].mean(0).max()
    for arm in made.values():
        assert (arm.dollars <= arm.most).all()
    with pytest.raises(ValueError, match="a person's price must be above 0"):
        outcomes.with_person(0.0, 0.9, 0)
    frame.loc[0, "confidence"] = 2.0
    with pytest.raises(ValueError, match=r"confidence must lie in \[0, 1\]"):
        as_outcomes(frame, "table")


def test_confidence_in_an_answer_is_calibrated_on_prompts_it_was_not_fitted_to(table):
    outcomes = simulated_outcomes(items=4000, models=3)
    split = r.halves(outcomes, r.leading(outcomes.x, 4), 0.5, 0)
    for half in (split.before, split.after):
        for k in range(3):
            bins = np.clip((half.sure[:, k] * 5).astype(int), 0, 4)
            for b in range(5):
                mine = bins == b
                if mine.sum() > 100:
                    off = half.right[mine, k].mean() - half.sure[mine, k].mean()
                    assert abs(off) < 5 * 0.5 / np.sqrt(mine.sum())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"held_in": 1.0}, "--held-in must lie between 0 and 1"),
        ({"held_in": 0.99}, "10 are the least"),
        ({"seeds": 1}, "--seeds must be at least 2"),
        ({"prompts": "text"}, "has no column 'text'"),
    ],
)
def test_bad_input_is_named(table, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        route(table, tmp_path, **changes)
