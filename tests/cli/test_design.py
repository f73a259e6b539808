"""`altheory design` and the `design` study."""

import json
import sys

import numpy as np
import pytest

from altheory.cli import main
from altheory.cli.design_study import RULES, design_study, draw_variance, worst_variance


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "pool.npy", rng.normal(size=(300, 4)).astype(np.float32))
    np.save(tmp_path / "prices.npy", rng.uniform(1, 3, 300))
    np.save(tmp_path / "contrast.npy", np.array([[1.0, -1.0, 0, 0]]))
    np.save(tmp_path / "targets.npy", rng.normal(size=(7, 4)))
    np.save(tmp_path / "bad.npy", np.full((5, 2), np.nan))
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["altheory", "design", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        seen = capsys.readouterr()
        return stopped.value.code, seen.out, seen.err

    return run


@pytest.mark.parametrize(
    "words", [(), ("--criterion", "d"), ("--criterion", "c", "--targets", "contrast.npy")], ids=str
)
def test_items_weights_and_certificate_agree(command, tmp_path, words):
    code, out, err = command("pool.npy", "-n", 60, *words)
    assert code == 0, err
    assert "certified gap" in out
    folder = tmp_path / "out" / "design"
    rows = np.loadtxt(folder / "items.csv", delimiter=",", skiprows=1, ndmin=2)
    weights, made = np.load(folder / "weights.npy"), json.loads((folder / "certificate.json").read_text())
    assert rows[:, 1].sum() == 60
    assert weights.sum() == pytest.approx(1)
    assert made["certificate"]["gap"] <= 1e-6
    if "--targets" not in words:
        x = np.load(tmp_path / "pool.npy").astype(np.float64)
        v = (x * weights[:, None]).T @ x
        assert np.einsum("ij,ji->i", x, np.linalg.solve(v, x.T)).max() / 4 - 1 <= 1e-6
    assert (folder / "design.png").stat().st_size > 1000


def test_rounding_keeps_the_budget(command, tmp_path):
    code, _, err = command("pool.npy", "-n", 60, "--prices", "prices.npy", "--budget", 1.5)
    assert code == 0, err
    rows = np.loadtxt(tmp_path / "out" / "design" / "items.csv", delimiter=",", skiprows=1)
    assert np.load(tmp_path / "prices.npy")[rows[:, 0].astype(int)] @ rows[:, 1] <= 60 * 1.5


def test_targets_prices_budget_and_tolerance_together(command, tmp_path):
    code, _, err = command(
        "pool.npy", "-n", 60, "--criterion", "xy", "--targets", "targets.npy", "--prices", "prices.npy",
        "--budget", 1.5, "--tol", 1e-4,
    )  # fmt: skip
    assert code == 0, err
    folder = tmp_path / "out" / "design"
    x, y, prices = (np.load(tmp_path / f"{name}.npy").astype(np.float64) for name in ("pool", "targets", "prices"))
    weights = np.load(folder / "weights.npy")
    assert weights @ prices <= 1.5 * (1 + 1e-9)
    made = json.loads((folder / "certificate.json").read_text())["certificate"]
    variance = np.einsum("ij,ji->i", y, np.linalg.solve((x * weights[:, None]).T @ x, y.T)).max()
    assert made["value"] == pytest.approx(variance, rel=1e-6)
    assert made["gap"] <= made["tolerance"] == 1e-4


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("no.npy", "-n", 5), "not a file"),
        (("bad.npy", "-n", 5), "finite"),
        (("pool.npy", "-n", 2), "at least the rank 4"),
        (("pool.npy", "-n", 9, "--criterion", "zz"), "zz"),
        (("pool.npy", "-n", 9, "--budget", 2), "needs --prices"),
        (("pool.npy", "-n", 9, "--criterion", "c"), "needs --targets"),
    ],
)
def test_bad_input_gives_one_sentence(command, tmp_path, words, sentence):
    code, _, err = command(*words)
    assert code == 2
    assert sentence in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_study_respects_the_lower_bound_and_g_is_best_for_the_worst_case():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(120, 5)) * np.array([3, 2, 1, 1, 1])
    study = design_study(x, (x[:, 0] > 0).astype(int), ["a", "b"], most=60, seeds=2, seed=0)
    assert list(study.data.policy.values) == list(RULES)
    n, d = study.data["round"].values, study.manifest["config"]["dimension"]
    variance = study.data["variance"].values
    assert (variance >= d / n * (1 - 1e-5)).all()
    last = study.data["variance"].isel(round=-1).mean("seed")
    assert float(last.sel(policy="G-optimal")) < float(last.sel(policy="uniform"))
    labels = [t.get_text() for t in draw_variance(study).axes[0].get_legend().get_texts()]
    assert any("d / n" in text for text in labels)


def test_worst_variance_is_infinite_where_picks_do_not_span():
    x = np.eye(3)
    assert worst_variance(x, np.array([1, 1, 0])) == np.inf
    assert worst_variance(x, np.array([2, 2, 2])) == pytest.approx(0.5)
