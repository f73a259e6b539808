"""A policy that does not fit the oracle is refused in one sentence, before anything compiles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import altheory as al

KEY = jax.random.key(0)
BANDIT = al.BernoulliBandit([0.9, 0.5, 0.1])
LINEAR = al.LinearBandit(np.eye(3, 2), [1.0, 0.5])
POOL = al.LabelPool(np.eye(3, 2), [0, 1, 2])

MISFITS = [
    (al.ucb1(4), BANDIT, "the belief knows 4 arms and the menu offers arm ids of 3 arms: build one that fits"),
    (al.ucb1(3), LINEAR, "the belief knows 3 arms and the menu offers 2 features"),
    (al.lints(3), LINEAR, "the belief takes 3 features and the menu offers 2 features"),
    (al.lints(3), BANDIT, "the belief takes 3 features and the menu offers arm ids of 3 arms"),
    (al.Budgeted(al.Batched(al.lints(5), 2), 1.0), LINEAR, "the belief takes 5 features"),
    (al.random(al.logistic(2, 2)), POOL, "the belief knows 2 classes and the oracle answers with 3: build the belief"),
    (al.random(al.logistic(4, 3)), POOL, "the belief takes 4 features and the menu offers 2 features"),
]


@pytest.mark.parametrize(("policy", "oracle", "sentence"), MISFITS)
def test_sizes_and_classes_must_agree(policy, oracle, sentence):
    for run in (
        lambda: al.simulate(policy, oracle, KEY, horizon=2),
        lambda: al.study({"a": policy}, oracle, KEY, horizon=2, seeds=1),
    ):
        with pytest.raises(ValueError, match=sentence) as error:
            run()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("policy", "oracle", "sentence"),
    [
        (al.ucb, BANDIT, "the policy must have init, select, update; function lacks init, select, update"),
        (al.ucb1(3), jnp.ones(3), "the oracle must have init, offer, answer; ArrayImpl lacks init, offer, answer"),
    ],
)
def test_verbs_must_be_there(policy, oracle, sentence):
    with pytest.raises(TypeError, match=sentence):
        al.simulate(policy, oracle, KEY, horizon=2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"policies": {}}, "study needs at least one policy; it got an empty dict"),
        ({"horizon": 0}, "study horizon must be a whole number of at least 1; it is 0"),
        ({"seeds": 0}, "study seeds must be a whole number of at least 1; it is 0"),
        ({"seeds": True}, "study seeds must be a whole number of at least 1; it is True"),
        ({"record": (al.regret, al.regret)}, "study record must hold metrics of different names"),
        ({"policies": {"a": al.ucb1(3), "b": al.ucb1(9)}}, "the belief knows 9 arms"),
    ],
)
def test_bad_studies_are_one_sentence(arguments, sentence):
    fine = {"policies": {"a": al.ucb1(3)}, "horizon": 3, "seeds": 2}
    given = {**fine, **arguments}
    with pytest.raises(ValueError, match=sentence) as error:
        al.study(given.pop("policies"), BANDIT, KEY, **given)
    assert "\n" not in str(error.value)


def test_a_belief_without_the_score_s_capability_is_named():
    with pytest.raises(TypeError, match="the score entropy_score needs a belief with `probs`; Counts has none"):
        al.simulate(al.Argmax(al.counts(3), al.entropy_score), BANDIT, KEY, horizon=2)
