"""Every theorem holds on its own instances, every mutant is caught, and nothing in the catalogue is orphaned."""

import importlib
import json
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import altheory as al
import altheory.guarantees as package
from altheory.guarantees import ALL, Equals, verify
from altheory.guarantees.guarantee import ALPHA, examine, joined

ROOT = Path(__file__).parents[2]
NUMBERS = json.loads((Path(__file__).parent / "bounds.json").read_text())
"""Each inequality's bound, summed over what it says of the first three instances, as it was when it had been checked
against its note; a change of a constant on purpose changes its line here.
"""
TRIALS = {"ucb1": 60, "ts-information-ratio": 60, "budget-kept": 20}
MUTANT_TRIALS = {
    "pays while money is left": 20,
    "batches item by item": 20,
    "bonus subtracted": 300,
    "ten times the bonus": 60,
    "nothing learned": 60,
    "Beta parameters swapped": 60,
}


@pytest.mark.parametrize("g", ALL, ids=lambda g: g.id)
def test_theorems_hold(g):
    checked = examine(g, trials=TRIALS.get(g.id))
    verdict = joined([case.verdict for case in checked])
    assert verdict.status == "consistent", verdict
    _holds_its_constant(g, checked)


def _holds_its_constant(g, checked):
    """A bound twice as large is noticed: by the identity itself, or beside the number it was when it was checked."""
    if isinstance(g.bounds, Equals):
        assert any(g.bounds.judge(case.seen, 2 * case.bound, alpha=1e-6).violated for case in checked)
    else:
        seen = [float(case.bound[np.isfinite(case.bound)].sum()) for case in checked[:3]]
        np.testing.assert_allclose(seen, NUMBERS[g.id], rtol=2e-3, atol=1e-9, err_msg=f"{g.id}: the bound has changed")


@pytest.mark.parametrize(("g", "mutant"), [(g, m) for g in ALL for m in g.mutants], ids=lambda x: getattr(x, "id", x))
def test_mutants_are_violated(g, mutant):
    assert verify(g, mutant=mutant, trials=MUTANT_TRIALS.get(mutant)).status == "violated"


@pytest.mark.parametrize("g", ALL, ids=lambda g: g.id)
def test_every_theorem_has_a_note_a_citation_and_a_mutant(g):
    note = ROOT / g.note
    assert note.read_text().startswith(f"# {g.id}:"), f"{g.note} must start with the theorem's id"
    assert re.search(rf"^@\w+\{{{g.cite},", (ROOT / "docs/refs.bib").read_text(), re.M), f"{g.cite} is not in refs.bib"
    assert g.mutants
    assert g.claim
    assert g.latex
    assert g.family


def test_ids_are_unique():
    assert len({g.id for g in ALL}) == len(ALL)


def test_false_alarms_of_the_whole_catalogue_are_rarer_than_one_in_a_hundred_thousand():
    assert sum(ALPHA * g.bounds.by_chance for g in ALL) < 1e-5


def test_every_number_is_of_a_theorem():
    assert set(NUMBERS) == {g.id for g in ALL if not isinstance(g.bounds, Equals)}


def test_no_note_and_no_theorem_is_orphaned():
    """Every note is that of a theorem, every theorem that a module defines is in the catalogue and public."""
    assert {path.name for path in (ROOT / "proofs_notes").glob("*.md")} == {Path(g.note).name for g in ALL}
    modules = [importlib.import_module(m.name) for m in pkgutil.iter_modules(package.__path__, "altheory.guarantees.")]
    defined = {id(v) for module in modules for v in vars(module).values() if isinstance(v, al.Guarantee)}
    assert defined == {id(g) for g in ALL}
    assert {id(getattr(package, name)) for name in package.__all__} >= defined


@given(
    st.lists(st.floats(0.01, 0.99), min_size=2, max_size=6).filter(lambda m: max(m) - min(m) > 0.01),
    st.floats(2, 1e6),
)
def test_ucb1_bound_grows_with_time_and_exceeds_the_lower_bound(means, t):
    """The upper bound is above Lai and Robbins' leading term ln(t) sum of gap / kl."""
    oracle = al.BernoulliBandit(np.array(means))
    m = np.asarray(oracle.means, np.float64)
    wrong, best = m[m < m.max()], m.max()
    kl = wrong * np.log(wrong / best) + (1 - wrong) * np.log((1 - wrong) / (1 - best))
    bound = al.ucb1_regret.bound(None, oracle, np.array([t, 2 * t]))
    assert bound[1] >= bound[0] >= np.log(t) * ((best - wrong) / kl).sum()


@given(st.integers(0, 10_000), st.sampled_from([1e-2, 1.0, 1e2]), st.sampled_from([0.01, 1.0, 20.0]), st.booleans())
def test_elliptical_potential_on_any_sequence(seed, prior, length, repeat):
    """In float64 and plain numpy, against random, repeated and greedily adversarial sequences."""
    rng = np.random.default_rng(seed)
    d, n = int(rng.integers(1, 6)), 60
    v, total = prior * np.eye(d), 0.0
    fixed = rng.normal(size=d)
    for _ in range(n):
        candidates = fixed[None] if repeat else rng.normal(size=(8, d))
        candidates = length * candidates / np.linalg.norm(candidates, axis=1, keepdims=True)
        width = np.einsum("kd,de,ke->k", candidates, np.linalg.inv(v), candidates)
        x = candidates[width.argmax()]
        total += min(1.0, width.max())
        v += np.outer(x, x)
    oracle = al.LinearBandit(np.full((1, d), length / np.sqrt(d)), np.zeros(d), 1.0)
    policy = al.Argmax(al.linear(d, prior=prior), al.variance)
    assert total <= al.elliptical_potential(policy, oracle, np.array([float(n)]))[0] * (1 + 1e-6)
