"""The studies of search, run in this process."""

import jax
import numpy as np
import pytest

import altheory as al
from altheory.cli import search_study as s


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
