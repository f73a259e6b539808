"""What `altheory route` makes of several models: cascades by calibrated confidence, votes, and a network for all."""

import importlib.util
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import altheory as al
from altheory.cli.outcomes import Outcomes

FOLDS = 5
HIDDEN, CAPACITY = 32, 4096
"""Units of the network, and the outcomes that it is trained on as it goes."""


@dataclass(frozen=True, eq=False)
class Half:
    """Prompts with what every model made of them."""

    x: np.ndarray
    right: np.ndarray
    dollars: np.ndarray
    answers: np.ndarray | None
    sure: np.ndarray
    """How likely each answer is right, seen the prompt, the answer's price and what confidence came with it."""


def half(outcomes: Outcomes, x: np.ndarray, sure: np.ndarray, rows: np.ndarray) -> Half:
    """Some of the prompts."""
    answers = None if outcomes.answers is None else outcomes.answers[rows]
    return Half(x[rows], outcomes.right[rows], outcomes.dollars[rows], answers, sure[rows])


def calibrated(outcomes: Outcomes, x: np.ndarray, before: np.ndarray) -> np.ndarray:
    """P(an answer is right | prompt, its price, its stated confidence), `[N, K]`, a logistic regression a model.

    Fitted to the prompts `before`; for those themselves to the other folds of them, so that none is judged by itself.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    found = np.empty(outcomes.right.shape)
    for k in range(len(outcomes.models)):
        paid = np.log(outcomes.dollars[:, k] + 1e-9)
        stated = np.zeros(len(x)) if outcomes.stated is None else outcomes.stated[:, k]
        z = np.c_[x, paid, paid**2, stated]
        z = (z - z[before].mean(0)) / np.where(z[before].std(0) > 0, z[before].std(0), 1)
        y = (outcomes.right[:, k] > 0.5).astype(int)
        few = min(np.bincount(y[before], minlength=2))
        if few < 2:
            found[:, k] = y[before].mean()
            continue
        model = LogisticRegression()
        found[:, k] = model.fit(z[before], y[before]).predict_proba(z)[:, 1]
        folds = min(FOLDS, int(few))
        found[before, k] = cross_val_predict(model, z[before], y[before], cv=folds, method="predict_proba")[:, 1]
    return found


@dataclass(frozen=True)
class Arm:
    """An arm made of several models: its outcomes on the prompts routed, and the most it may cost."""

    quality: np.ndarray
    dollars: np.ndarray
    most: float


def teams(before: Half, after: Half, most: np.ndarray, rate: float) -> dict[str, Arm]:
    """The best cascade and, where answers were recorded, the best vote of three, at a budget of `rate` a prompt."""
    rate = max(rate, float(before.dollars.mean(0).min()))
    chain = al.fit_cascade(before.right, before.dollars, before.sure, rate)
    made = {
        "cascade": (chain.models, al.cascade(after.right, after.dollars, after.sure, chain.models, chain.thresholds))
    }
    if before.answers is not None and after.answers is not None:
        size = min(3, before.right.shape[1])
        panel = al.fit_vote(before.right, before.dollars, before.answers, rate, size=size)
        models = chain.models[:1] if panel is None else panel.models
        made["vote of three"] = (models, al.vote(after.right, after.dollars, after.answers, models))
    return {
        name: Arm(team.quality, team.cost, float(most[list(models)].sum())) for name, (models, team) in made.items()
    }


def team_names(before: Half) -> list[str]:
    """The arms that `teams` makes."""
    return ["cascade", *(["vote of three"] if before.answers is not None else [])]


def can_train() -> bool:
    """Whether optax is installed."""
    return importlib.util.find_spec("optax") is not None


def _start(key: Any, x: Any, *, train: bool = False) -> dict[str, Any]:
    one, two = jax.random.split(key)
    first = jax.random.normal(one, (x.shape[1], HIDDEN)) / np.sqrt(x.shape[1])
    return {"in": first, "bias": jnp.zeros(HIDDEN), "out": jax.random.normal(two, (HIDDEN, 2)) / np.sqrt(HIDDEN)}


def _network(params: Any, x: Any, *, train: bool = False, rngs: Any = None) -> Any:
    return jnp.matmul(jnp.tanh(jnp.matmul(x, params["in"]) + params["bias"]), params["out"])


def network(before: Half) -> Any:
    """P(right) of every model by one network of prompt and model, trained by optax on what was held in."""
    models = before.right.shape[1]
    inner = al.deep_ensemble(
        al.Network(_start, _network), before.x.shape[1] + models, members=1, steps=1, batch=256, capacity=CAPACITY,
        learning_rate=2e-3, prior=1.0,
    )  # fmt: skip
    x, right = jnp.asarray(before.x, jnp.float32), jnp.asarray(before.right, jnp.float32)
    return al.tagged(inner, models).taught(x, right, jax.random.key(0))
