"""`altheory stop` and the `stopping` study."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import altheory as al
from altheory.cli import main
from altheory.cli import stop_study as study
from altheory.cli import stop_traces as traces

N = np.arange(10, 301, 10)
ERROR = 0.08 + 0.6 * N**-0.5
PAID = ("--label-price", 0.1, "--error-cost", 0.02)


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    table = pd.DataFrame({"labels": N, "accuracy": 1 - np.random.default_rng(0).binomial(500, ERROR) / 500})
    table.to_csv(tmp_path / "run.csv", index=False)
    table.assign(cost=0.1 * N).to_parquet(tmp_path / "paid.parquet")
    pd.concat([table, table]).to_csv(tmp_path / "twice.csv", index=False)
    table.assign(accuracy=100 * table.accuracy).to_csv(tmp_path / "percent.csv", index=False)
    table.assign(accuracy=[None, *table.accuracy[1:]]).to_csv(tmp_path / "hole.csv", index=False)
    table.assign(cost=1.0 - N / 1000).to_csv(tmp_path / "falling.csv", index=False)
    table.head(2).to_csv(tmp_path / "short.csv", index=False)
    table.rename(columns={"accuracy": "f1"}).to_csv(tmp_path / "other.csv", index=False)
    (tmp_path / "run.txt").write_text("labels")
    shown = np.stack([table.accuracy] * 4).reshape(2, 2, -1)
    money = {"accuracy": shown, "cost": np.ones_like(shown), "labels": np.full_like(shown, 10)}
    data = xr.Dataset(
        {k: (("policy", "seed", "round"), v) for k, v in money.items()},
        {"policy": ["random", "margin"], "seed": [0, 1], "round": np.arange(1, len(N) + 1)},
    )
    data.assign_attrs(manifest="{}").to_netcdf(tmp_path / "study.nc", engine="h5netcdf")
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["altheory", "stop", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        seen = capsys.readouterr()
        return stopped.value.code, seen.out, seen.err

    return run


def decision(tmp_path):
    return json.loads((tmp_path / "out" / "stop" / "stop.json").read_text())["decision"]


def test_it_says_stop_or_go_on_and_why(command, tmp_path):
    code, out, err = command("run.csv", *PAID, "--uses", 1_000)
    assert code == 0, err
    assert out.startswith("stop: the next 10 labels cost 1 ")
    assert "the rule first said so at" in out
    code, out, _ = command("run.csv", *PAID, "--uses", 1_000_000)
    assert code == 0
    assert out.startswith("go on: ")
    found = decision(tmp_path)
    true_optimum = (0.02 * 1e6 * 0.6 * 0.5 / 0.1) ** (2 / 3)
    assert 0.5 < found["predicted optimum, labels"] / true_optimum < 2
    curve = pd.read_csv(tmp_path / "out" / "stop" / "curve.csv")
    assert (curve["low"] <= curve["error"]).all()
    assert (curve["error"] <= curve["high"]).all()
    assert {p.name for p in (tmp_path / "out" / "stop").iterdir()} == {"stop.json", "curve.csv", "stop.png", "stop.svg"}


def test_it_agrees_with_the_rule_and_every_format_with_every_other(command, tmp_path):
    command("run.csv", *PAID, "--uses", 100_000)
    first = decision(tmp_path)
    table = pd.read_csv(tmp_path / "run.csv")
    trace = {"labels": N, "spent": 0.1 * N, "error": 1 - table.accuracy.to_numpy()}
    said = np.asarray(al.replay(al.CostOptimum(2000.0), {k: v.astype(np.float32) for k, v in trace.items()}))
    assert first["stop"] == bool(said[-1])
    for words in (("paid.parquet", *PAID[2:]), ("twice.csv", *PAID), ("study.nc", *PAID[2:], "--policy", "margin")):
        code, _, err = command(*words, "--uses", 100_000)
        assert code == 0, err
        other = decision(tmp_path)
        assert {k: other[k] for k in ("stop", "labels")} == {k: first[k] for k in ("stop", "labels")}
        np.testing.assert_allclose(other["chance that they pay"], first["chance that they pay"], atol=0.02)
        np.testing.assert_allclose(other["spent"], 30.0, rtol=1e-6)


REFUSED = {
    "no file": (("no.csv", *PAID, "--uses", 10), "not a file"),
    "other format": (("run.txt", *PAID, "--uses", 10), "must end in .csv, .parquet or .nc"),
    "no price": (("run.csv", "--error-cost", 1, "--uses", 10), "--label-price is needed"),
    "price 0": (("run.csv", "--label-price", 0, "--error-cost", 1, "--uses", 10), "--label-price must be above 0"),
    "cost below 0": (("run.csv", "--label-price", 1, "--error-cost", -1, "--uses", 10), "--error-cost must be above 0"),
    "doubt": (("run.csv", *PAID, "--uses", 10, "--doubt", 2), "--doubt must lie in"),
    "percent": (("percent.csv", *PAID, "--uses", 10), "must lie in [0, 1]"),
    "hole": (("hole.csv", *PAID, "--uses", 10), "for accuracy in row 0"),
    "falling cost": (("falling.csv", *PAID, "--uses", 10), "money spent so far"),
    "two rows": (("short.csv", *PAID, "--uses", 10), "three or more numbers of labels"),
    "no accuracy": (("other.csv", *PAID, "--uses", 10), "no column 'accuracy'; it has labels, f1"),
    "which policy": (("study.nc", *PAID, "--uses", 10), "choose one with --policy, of random, margin"),
    "wrong policy": (("study.nc", *PAID, "--uses", 10, "--policy", "bald"), "no policy 'bald'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_gives_one_sentence_and_code_2(command, tmp_path, case):
    words, sentence = REFUSED[case]
    code, _, err = command(*words)
    assert code == 2
    assert sentence in err
    assert len(err.strip().splitlines()) == 1, err
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Two easy classes: runs of a random and a margin strategy, and the study made of them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2))
    y = (x[:, 0] + 0.3 * rng.normal(size=80) > 0).astype(int)
    folder, seen = tmp_path_factory.mktemp("blocks"), []
    options = {"most": 24, "seeds": 3, "seed": 0, "folder": folder}
    made = study.stop_study({"easy": lambda: (x, y)}, **options, progress=lambda *told: seen.append(told))
    return (x, y), options, made, seen


def test_the_study_charges_each_rule_for_its_stop(small):
    (x, y), options, made, seen = small
    assert seen == [("easy, random", 3, 3), ("easy, margin", 3, 3)]
    data = made.data
    assert list(data.policy.values) == list(study.RULES)
    runs = traces.recorded("easy", x, y, "margin", **options)
    for rule, stop in (("10 labels", np.full(3, 10)), ("all labels", np.full(3, 24))):
        for i, ratio in enumerate(study.RATIOS):
            want = stop + ratio * runs["test"][np.arange(3), stop]
            got = data["cost"].sel(policy=rule, pool="easy, margin").isel(round=i)
            np.testing.assert_allclose(got, want, rtol=1e-5)
    one = {k: runs[k][1] for k in ("labels", "spent", "error")}
    stop = int(al.stopping_point(al.replay(al.CostOptimum(study.RATIOS[3]), one)))
    assert int(data["labels"].sel(policy="cost optimum", pool="easy, margin").isel(seed=1, round=3)) == stop
    assert (data["cost"] >= data["best"] - 1e-4).all()
    lost = study.lost(made)
    assert float(lost.min()) >= -1e-6
    table = study.stop_table(made)
    assert table.loc["cost optimum", "over cost optimum"] == 0
    assert (table["lost to the best n"] <= table["lost"] + 1e-9).all()
    assert len(study.draw_stops(made).axes[0].lines) == len(study.RULES)


def test_the_study_goes_on_from_what_is_kept(small, monkeypatch):
    (x, y), options, made, _ = small

    def never(*_, **__):
        raise AssertionError("a finished block was run again")

    monkeypatch.setattr(traces, "_runs", never)
    again = study.stop_study({"easy": lambda: (x, y)}, **options)
    xr.testing.assert_identical(again.data, made.data)
    with pytest.raises(AssertionError, match="run again"):
        study.stop_study({"easy": lambda: (x, y)}, **(options | {"seed": 1}))


def test_validation_test_and_pool_do_not_overlap():
    for items in (40, 150, 1300, 5000):
        split = traces.parts(items, np.random.default_rng(0))
        rows = np.concatenate(list(split.values()))
        assert len(set(rows)) == len(rows)
        assert min(map(len, split.values())) >= 8
    with pytest.raises(ValueError, match="needs 40 items"):
        traces.prepared(np.eye(20), np.arange(20) % 2)


def test_the_bundled_data_sets_are_always_there(monkeypatch):
    monkeypatch.delenv("ALTHEORY_DATA", raising=False)
    assert set(traces.sources()) == {"iris", "wine", "breast_cancer", "digits"}
    x, y = traces.prepared(*traces.sources()["wine"]())
    assert x.shape == (178, 14)
    assert set(y) == {0, 1, 2}
