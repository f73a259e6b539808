"""`altheory study`: what it writes, that it resumes, and how it refuses."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import altheory as al
from altheory.cli.studies import STUDIES


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    frame = pd.DataFrame(x, columns=list("abc")).assign(kind=np.where(x[:, 0] + x[:, 1] > 0, "up", "down"))
    frame.to_csv(tmp_path / "ok.csv", index=False)
    return frame


def test_lists_the_studies(altheory):
    code, out, _ = altheory("study")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(STUDIES)


def test_own_data_gives_a_figure_a_table_and_a_manifest(altheory, table, tmp_path):
    words = ("study", "digits", "--data", "ok.csv", "--labels", "kind", "--seeds", "4", "--horizon", "12")
    code, out, err = altheory(*words, "--policy", "random", "--policy", "margin")
    assert code == 0, err
    folder = tmp_path / "out" / "digits"
    assert sorted(p.name for p in folder.iterdir()) == [
        f"digits.{e}" for e in ("csv", "json", "nc", "pdf", "png", "svg")
    ]
    assert "margin" in out
    assert "out/digits/digits.png" in out
    study = al.Study.load(folder / "digits.nc")
    assert study.data.sizes == {"policy": 2, "seed": 4, "round": 12}
    assert study.manifest == json.loads((folder / "digits.json").read_text())
    assert pd.read_csv(folder / "digits.csv").policy.tolist() == ["random", "margin"]
    assert study.manifest["hash"].encode() in (folder / "digits.svg").read_bytes()


def test_embeddings_are_ranked_and_drawn(altheory, table, tmp_path):
    words = ("study", "embeddings", "--data", "ok.csv", "--labels", "kind", "--seeds", "3", "--horizon", "2")
    code, _, err = altheory(*words, "--policy", "random", "--policy", "top margin")
    assert code == 0, err
    folder = tmp_path / "out" / "embeddings"
    assert {"embeddings.png", "embeddings-ranks.png", "embeddings-ranks.svg"} <= {p.name for p in folder.iterdir()}
    made = pd.read_csv(folder / "embeddings.csv", index_col="policy")
    assert made["mean rank"].sum() == pytest.approx(3)
    area = al.Study.load(folder / "embeddings.nc").data.accuracy.mean(["round", "seed"])
    assert made["mean over rounds"].tolist() == pytest.approx(area.values.tolist(), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["text_agnews", "text_banking77"])
def test_real_sentence_embeddings_are_ranked(altheory, tmp_path, name):
    """A study of real text, with the figure of ranks; where the data are on this machine."""
    here = Path(os.environ.get("ALTHEORY_DATA", Path(__file__).parents[3] / "shared" / "data")) / name
    if not here.exists():
        pytest.skip(f"{name} is not on this machine: ALTHEORY_DATA names the folder that has it")
    words = (
        "study",
        "embeddings",
        "--data",
        str(here / "emb_minilm.npy"),
        "--labels",
        f"{here / 'items.parquet'}:label",
    )
    code, _, err = altheory(*words, "--seeds", "4", "--horizon", "4", "--policy", "random", "--policy", "k-center")
    assert code == 0, err
    made = pd.read_csv(tmp_path / "out" / "embeddings" / "embeddings.csv", index_col="policy")
    classes = pd.read_parquet(here / "items.parquet")["label"].nunique()
    assert made["accuracy"].min() > 1.5 / classes
    assert made["mean rank"].sum() == pytest.approx(3)
    assert (tmp_path / "out" / "embeddings" / "embeddings-ranks.svg").exists()


@pytest.mark.parametrize("kind", ["npz", "npy", "parquet", "lists", "beside"])
def test_every_format_gives_the_same_pool(table, tmp_path, kind, monkeypatch):
    from altheory.cli.data import load

    monkeypatch.chdir(tmp_path)
    x, codes = table[list("abc")].to_numpy(), (table.kind == "up").to_numpy().astype(int)
    if kind == "npz":
        np.savez("d.npz", X=x, y=table.kind.to_numpy().astype(str))
        got = load(tmp_path / "d.npz", None)
    elif kind == "npy":
        np.save("d.npy", np.c_[x, codes])
        got = load(tmp_path / "d.npy", None)
    elif kind == "parquet":
        table.to_parquet("d.parquet")
        got = load(tmp_path / "d.parquet", "kind")
    elif kind == "lists":
        pd.DataFrame({"vector": list(x), "kind": table.kind}).to_parquet("d.parquet")
        got = load(tmp_path / "d.parquet", "kind")
    else:
        np.save("x.npy", x)
        got = load(tmp_path / "x.npy", f"{tmp_path / 'ok.csv'}:kind")
    np.testing.assert_allclose(got[0], x)
    np.testing.assert_array_equal(got[1], codes)
    assert len(got[2]) == 2


def _spoil(table, tmp_path):
    table.assign(b=[np.nan, *table.b[1:]]).to_csv(tmp_path / "nan.csv", index=False)
    table.assign(b=[np.inf, *table.b[1:]]).to_csv(tmp_path / "inf.csv", index=False)
    table.iloc[:0].to_csv(tmp_path / "empty.csv", index=False)
    table.assign(kind="up").to_csv(tmp_path / "one.csv", index=False)
    table.assign(kind=table.a).to_csv(tmp_path / "fractions.csv", index=False)
    table[["kind"]].to_csv(tmp_path / "bare.csv", index=False)


BAD = {
    "no such study": (("nosuch",), "choose one of digits, batches"),
    "no such policy": (("digits", "--policy", "nope"), "choose among random"),
    "horizon 0": (("digits", "--horizon", "0"), "at least 1"),
    "seeds 0": (("bandit", "--seeds", "0"), "at least 1"),
    "too many labels": (("digits", "--horizon", "5000"), "ask for fewer"),
    "too many batches": (("batches", "--horizon", "150"), "asks for 1500 labels"),
    "negative budget": (("digits", "--horizon", "5", "--budget", "-1"), "at least 0"),
    "no file": (("digits", "--data", "no.csv", "--labels", "kind"), "not a file"),
    "no column": (("digits", "--data", "ok.csv", "--labels", "zz"), "no column 'zz'; it has a, b, c, kind"),
    "labels unnamed": (("digits", "--data", "ok.csv"), "--labels must name"),
    "labels alone": (("digits", "--labels", "kind"), "needs --data"),
    "NaN": (("digits", "--data", "nan.csv", "--labels", "kind"), "nan in row 0"),
    "infinity": (("digits", "--data", "inf.csv", "--labels", "kind"), "inf in row 0"),
    "empty": (("digits", "--data", "empty.csv", "--labels", "kind"), "no rows"),
    "one class": (("digits", "--data", "one.csv", "--labels", "kind"), "one class only"),
    "fractions": (("digits", "--data", "fractions.csv", "--labels", "kind"), "fractions"),
    "no features": (("digits", "--data", "bare.csv", "--labels", "kind"), "no numeric column"),
    "data where none is taken": (("bandit", "--data", "ok.csv", "--labels", "kind"), "takes no --data"),
}


@pytest.fixture
def in_process(tmp_path, monkeypatch, capsys, table):
    """The command in this process, with its exit code and standard error."""
    from altheory import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "_devices", lambda *_: None)
    _spoil(table, tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["altheory", "study", *words])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        return stopped.value.code, capsys.readouterr().err

    return run


@pytest.mark.parametrize("case", BAD, ids=str)
def test_bad_input_gives_one_sentence_and_code_2(in_process, tmp_path, case):
    words, sentence = BAD[case]
    code, err = in_process(*words)
    assert code == 2
    assert sentence in err
    assert len(err.strip().splitlines()) == 1, err
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists(), "something half-written was left"


def test_killed_and_resumed_gives_the_same_files(altheory, tmp_path):
    words = ("study", "bandit", "--seeds", "1500", "--horizon", "300", "--policy", "ucb1")
    code, _, err = altheory(*words, "--out", "whole")
    assert code == 0, err
    command = [sys.executable, "-c", "from altheory.cli import main; main()", *words, "--out", "cut"]
    process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "XLA_FLAGS": ""}, stderr=subprocess.DEVNULL)
    blocks = tmp_path / "cut" / ".blocks"
    for _ in range(1200):
        if process.poll() is not None or (blocks.exists() and len(list(blocks.glob("[!.]*.npz"))) >= 1):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list((tmp_path / "cut").glob("*.nc")), "the run ended before it could be killed"
    assert list(blocks.glob("[!.]*.npz"))
    code, _, err = altheory(*words, "--out", "cut", "--resume")
    assert code == 0, err
    names = sorted(p.name for p in (tmp_path / "whole").iterdir())
    assert names == sorted(p.name for p in (tmp_path / "cut").iterdir())
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes(), name


def test_two_processes_write_what_one_writes(altheory, tmp_path):
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    words = ("study", "bandit", "--seeds", "500", "--horizon", "50", "--policy", "thompson")
    code, _, err = altheory(*words, "--out", "one")
    assert code == 0, err
    joined = ("--distributed", "--coordinator", f"127.0.0.1:{port}", "--processes", "2")
    command = [sys.executable, "-c", "from altheory.cli import main; main()", *words, "--out", "two", *joined]
    environment = {**os.environ, "XLA_FLAGS": ""}
    second = subprocess.Popen(
        [*command, "--process", "1"], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    with second:
        code, _, err = altheory(*words, "--out", "two", *joined, "--process", "0")
        assert second.wait(60) == 0, second.stderr.read()
    assert code == 0, err
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
