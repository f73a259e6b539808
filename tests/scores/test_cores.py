"""Work shared among cores: every item once, whatever the number of cores, and the scores of one core."""

import jax.numpy as jnp
import numpy as np
import pytest
import slow_scores

import altheory as al
from altheory.scores import cores, information


@pytest.mark.parametrize("items", [1, 2, 7, 8])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_shares_cover_the_items_once(monkeypatch, items, count):
    monkeypatch.setattr(cores, "cores_for", lambda a: count)
    found = [i for start, width in cores.shares(jnp.zeros((2, items))) for i in range(start, start + width)]
    assert found == list(range(items))


@pytest.mark.parametrize("items", [1, 5])
@pytest.mark.parametrize("device", ["two cores", "no CPU"])
def test_bald_on_any_device_is_bald(monkeypatch, items, device):
    p = np.random.default_rng(0).dirichlet(np.ones(3), (4, items)).astype(np.float32)
    if device == "two cores":
        monkeypatch.setattr(cores, "cores_for", lambda a: 2)
    else:
        monkeypatch.setattr(information, "on_cpu", lambda a: False)
    np.testing.assert_allclose(al.bald(p), slow_scores.bald(p), atol=1e-6)
    p[-1, -1, 0] += 0.1
    with pytest.raises(ValueError, match=r"probs must sum to 1 over its last axis; row \[3, .\] sums to 1.1"):
        al.bald(p)


def test_errors_of_a_share_are_raised(monkeypatch):
    monkeypatch.setattr(cores, "cores_for", lambda a: 2)
    with pytest.raises(ZeroDivisionError):
        cores.at_once([lambda: 1, lambda: 1 // 0], jnp.zeros(3))
