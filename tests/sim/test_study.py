"""Studies: compiled once, resumable, prefix-stable, saved and read back."""

import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import altheory as al
from altheory.core.status import ADVICE, NAN_SCORE
from altheory.sim.blocks import block_size

KEY = jax.random.key(0)
BANDIT = al.BernoulliBandit([0.9, 0.5, 0.1])
POLICIES = {"ucb1": al.ucb1(3), "thompson": al.thompson_bernoulli(3)}


def small(policies=POLICIES, seeds=9, oracle=BANDIT, key=KEY, block=5, **options):
    return al.study(policies, oracle, key, horizon=12, seeds=seeds, record=(al.regret, al.item), block=block, **options)


def test_dimensions_names_and_manifest():
    result = small()
    assert dict(result.data.sizes) == {"policy": 2, "seed": 9, "round": 12}
    assert list(result.data.policy.values) == ["ucb1", "thompson"]
    np.testing.assert_array_equal(result.data["round"], np.arange(1, 13))
    assert set(result.data) == {"regret", "item", "status"}
    made = result.manifest
    assert made["config"]["seeds"] == 9
    assert {"hash", "altheory", "python", "versions", "device", "commit"} <= set(made)
    json.dumps(made)


def test_blocks_grow_with_the_memory_of_the_device(monkeypatch):
    """On an accelerator a round costs the same for few seeds as for many; what a CPU holds is its cache."""
    big = al.LabelPool(np.ones((500, 20), np.float32), np.arange(500) % 2)
    sizes = {"cpu": block_size(al.random(al.logistic(20)), big)}
    for name, limit in {"small": 1e9, "large": 1e11}.items():
        device = SimpleNamespace(platform="gpu", memory_stats=lambda limit=limit: {"bytes_limit": limit})
        monkeypatch.setattr(jax, "local_devices", lambda device=device: [device])
        sizes[name] = block_size(al.random(al.logistic(20)), big)
    assert sizes["cpu"] <= 250
    assert sizes["cpu"] < sizes["small"] < sizes["large"] == 2500


def test_every_seed_is_the_run_of_its_own_key():
    result = small()
    for seed in (0, 5):
        _, trace = al.simulate(POLICIES["ucb1"], BANDIT, jax.random.fold_in(KEY, seed), horizon=12)
        np.testing.assert_array_equal(result.data["item"].sel(policy="ucb1", seed=seed), trace.item)


def test_more_seeds_leave_the_first_ones_as_they_were():
    few, many = small(seeds=50), small(seeds=100)
    xr.testing.assert_identical(few.data, many.data.isel(seed=slice(50)))
    odd = small(seeds=33)
    xr.testing.assert_identical(odd.data, many.data.isel(seed=slice(33)))


def test_one_trace_for_any_number_of_seeds_and_any_float():
    traces = []

    def widened(belief, menu, key, *, width=1.0):
        traces.append(1)
        return belief.mean(menu) + width * jax.random.normal(key, menu.price.shape)

    results = []
    for width, means, seeds, key in ((0.1, 0.9, 3, 0), (0.2, 0.8, 60, 1), (3.0, 0.7, 301, 2)):
        policy = al.Argmax(al.counts(3), al.score(widened, width=width))
        results.append(small({"a": policy}, seeds, al.BernoulliBandit([means, 0.5, 0.1]), jax.random.key(key), None))
    assert len(traces) == 1
    assert [r.data.sizes["seed"] for r in results] == [3, 60, 301]


class KilledError(Exception):
    pass


def test_a_study_that_was_killed_resumes_to_the_same_file(tmp_path):
    whole = small(seeds=25)
    seen = []

    def die(name, done, seeds):
        seen.append((name, done, seeds))
        if (name, done) == ("thompson", 10):
            raise KilledError

    folder = tmp_path / "blocks"
    with pytest.raises(KilledError):
        small(seeds=25, checkpoint=folder, progress=die)
    assert seen == [("ucb1", n, 25) for n in (5, 10, 15, 20, 25)] + [("thompson", n, 25) for n in (5, 10)]
    assert len(list(folder.iterdir())) == 7
    before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    seen.clear()
    resumed = small(seeds=25, checkpoint=folder, progress=lambda *a: seen.append(a))
    assert seen == [("thompson", n, 25) for n in (15, 20, 25)]
    assert {n: (folder / n).stat().st_mtime_ns for n in before} == before
    xr.testing.assert_identical(resumed.data, whole.data)
    files = [s.save(tmp_path / f"{i}.nc").read_bytes() for i, s in enumerate((whole, resumed))]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    "changed",
    [
        {"key": jax.random.key(1)},
        {"oracle": al.BernoulliBandit([0.9, 0.5, 0.2])},
        {"policies": {"ucb1": al.ucb1(3, scale=0.5), "thompson": POLICIES["thompson"]}},
        {"block": 3},
    ],
)
def test_a_checkpoint_serves_only_the_study_it_is_of(tmp_path, changed):
    small(seeds=5, checkpoint=tmp_path)
    given = {"seeds": 5, **changed}
    other = small(**given, checkpoint=tmp_path)
    xr.testing.assert_identical(other.data, small(**given).data)


def test_a_checkpoint_can_be_extended_with_more_seeds(tmp_path):
    seen = []
    small(seeds=10, checkpoint=tmp_path)
    longer = small(seeds=20, checkpoint=tmp_path, progress=lambda *a: seen.append(a[1]))
    assert seen == [15, 20, 15, 20]
    xr.testing.assert_identical(longer.data, small(seeds=20).data)


def test_it_is_saved_and_read_back(tmp_path):
    result = small()
    again = al.Study.load(result.save(tmp_path / "deep" / "study.nc"))
    xr.testing.assert_identical(again.data, result.data)
    assert again.manifest == result.manifest
    assert again.policies is None
    bound = again.bind(POLICIES, BANDIT)
    assert bound.policies == POLICIES
    with pytest.raises(ValueError, match="not the ones the study was run with"):
        again.bind({"ucb1": al.ucb1(3)}, BANDIT)
    with pytest.raises(ValueError, match="not the ones the study was run with"):
        again.bind(POLICIES, al.BernoulliBandit([0.9, 0.5, 0.2]))


def test_a_save_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = small().save(tmp_path / "study.nc")
    before = path.read_bytes()

    def fail(self, target, **_):
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", fail)
    with pytest.raises(OSError, match="disk full"):
        small(seeds=2).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["study.nc"]


def test_one_made_by_another_version_says_so(tmp_path):
    made = small()
    path = al.Study(made.data, {**made.manifest, "altheory": "99.0"}).save(tmp_path / "study.nc")
    with pytest.warns(UserWarning, match=r"was made by altheory 99\.0; this is \d"):
        again = al.Study.load(path)
    xr.testing.assert_identical(again.data, made.data)


def test_status_bits_become_sentences():
    def sometimes(belief, menu, key):
        return jnp.where(jax.random.uniform(key, menu.price.shape) < 0.02, jnp.nan, 0.0)

    result = small({"fine": al.ucb1(3), "broken": al.Argmax(al.counts(3), sometimes)}, seeds=40)
    hit = int((result.data["status"].sel(policy="broken") > 0).sum())
    assert 0 < hit < 40
    assert not np.isnan(result.data["regret"]).any()
    with pytest.raises(RuntimeError, match=f"broken, {hit} of 40 seeds: ") as error:
        result.raise_for_status()
    assert ADVICE[NAN_SCORE] in str(error.value)
    assert "fine" not in str(error.value)
    small().raise_for_status()


def test_summaries_are_those_of_numpy():
    result = small(seeds=40)
    total = np.cumsum(result.data["regret"].values.astype(np.float64), -1)
    np.testing.assert_allclose(result.cumulative("regret"), total)
    table, last = result.final("item"), result.data["item"].values[:, :, -1]
    np.testing.assert_allclose(table["mean"], last.mean(1))
    np.testing.assert_allclose(table["standard error"], last.std(1, ddof=1) / np.sqrt(40))
    assert list(table.index) == ["ucb1", "thompson"]


def test_a_new_acquisition_function_runs_over_a_thousand_seeds_beside_the_baselines():
    def optimist(belief, menu, key, *, courage=1.0):
        """The mean, and as much again as the arm was not played."""
        return belief.mean(menu) + courage / (1 + belief.count(menu))

    mine = al.Argmax(al.counts(3), al.score(optimist, courage=2.0))
    result = small({"mine": mine, **POLICIES, "random": al.random(3)}, seeds=1000, block=None)
    result.raise_for_status()
    final = result.cumulative("regret").isel(round=-1)
    assert final.sizes == {"policy": 4, "seed": 1000}
    assert float(final.sel(policy="mine").mean()) < float(final.sel(policy="random").mean())
