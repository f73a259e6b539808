"""The studies of search, run in this process."""

import jax
import numpy as np
import pandas as pd
import pytest

import altheory as al
from altheory.cli import search_study as s
from altheory.cli.outcomes import load_outcomes, outcome_file


def test_weitzman_meets_its_formula_and_beats_the_rest():
    oracle = s.gaussian_boxes(1.0)
    policies = {k: p for k, p in s.searches(oracle.prize).items() if k in ("weitzman", "opens all")}
    result = al.study(policies, oracle, jax.random.key(1), horizon=12, seeds=500, record=(al.welfare, al.labels))
    table = s.welfare_table(al.weitzman_value(oracle.prize, oracle.price))(result)
    assert abs(table.loc["weitzman", "errors off"]) < 5
    assert table.loc["opens all", "errors off"] < -5
    assert table.loc["opens all", "opened"] == 12


@pytest.mark.parametrize("folder", ["none", "given"])
def test_models_have_worth_and_prices(folder, monkeypatch, tmp_path):
    if folder == "none":
        monkeypatch.setenv("ALTHEORY_DATA", str(tmp_path))
    s.model_search.cache_clear()
    prize, oracle = s.model_search()
    s.model_search.cache_clear()
    models = oracle.price.shape[0]
    assert prize.samples.shape == (models, s.WORKLOADS // 2)
    assert oracle.table.shape == (s.WORKLOADS // 2, models)
    assert (np.asarray(oracle.price) > 0).all()
    assert np.asarray(prize.mean()).max() > 0
    with pytest.raises(ValueError, match="draws its prizes jointly"):
        al.weitzman_optimal(al.pandora(prize), oracle)


def test_outcomes_of_a_users_own_are_read_and_bad_ones_named(tmp_path):
    good = pd.DataFrame(
        [(i, m, (i + j) % 3 > 0, 0.001 * (j + 1)) for i in range(60) for j, m in enumerate("abc")],
        columns=["item", "model", "correct", "usd"],
    )
    good.to_parquet(tmp_path / "good.parquet")
    _, oracle = s.model_search(outcome_file(tmp_path / "good.parquet", None))
    assert oracle.price.shape == (3,)
    np.testing.assert_allclose(oracle.price, s.ITEMS * 0.001 * np.arange(1, 4), rtol=1e-5)
    assert s.model_search.cache_info().currsize >= 1
    for change, message in (
        (good.drop(columns="usd"), "has no column 'usd'"),
        (pd.concat([good, good[:1]]), "item 0 and model a twice"),
        (good[1:], "no outcome of a on item 0"),
        (good.assign(correct=2), r"correct must lie in \[0, 1\]; it has 2"),
        (good.assign(usd=-1.0), "usd must be at least 0"),
        (good[:0], "has no rows"),
    ):
        change.to_csv(tmp_path / "bad.csv", index=False)
        with pytest.raises(ValueError, match=message):
            load_outcomes(tmp_path / "bad.csv")
    with pytest.raises(ValueError, match="--labels has no meaning"):
        load_outcomes(tmp_path / "good.parquet", "correct")
