"""Models that learn outside of JAX, such as scikit-learn's and PyTorch's, as beliefs for a loop in Python."""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.beliefs.ensemble import deal
from altheory.beliefs.newton import with_noise
from altheory.core import Key, Menu, features, per_item, record, static
from altheory.core.check import at_least
from altheory.core.record import is_traced

Rows = Float[np.ndarray, "n d"]


class HostModel(NamedTuple):
    """A model as two functions: `fit(x [n, d], y [n]) -> fitted`, and `predict(fitted, x [K, d]) -> [K, C]`.

    Where `predict` returns `[draws, K, C]` the draws are a committee. Probabilities need not be normalised.
    """

    fit: Callable[[np.ndarray, np.ndarray], Any]
    predict: Callable[[Any, np.ndarray], Any]


@record
class Tabled:
    """Predictions of a fixed menu `[draws, K, C]`, in the place of the belief that made them: arrays alone."""

    p: Float[Array, "draws K C"]

    def probs(self, menu: Menu) -> Float[Array, "K C"]:
        return self.p.mean(0)


@record
class TabledDraws(Tabled):
    """The same, of a committee."""

    def predictive(self, menu: Menu, key: Key, draws: int) -> Float[Array, "draws K C"]:
        return with_noise(self.p[deal(key, self.p.shape[0], draws)], menu.noise[:, None])


@record
class HostBelief:
    """Any model with a point prediction, refitted to all labels at each update: a loop in Python, no compiled one.

    Policies are used as they are, `select` and `update` in turn; every score that asks for `probs` works, and sets by
    rules too. Until two classes were seen the model is not asked, and shares of the labels (one added to each class)
    are predicted. Row by row `noise` enters no fit. Memory: all labels.
    """

    x: Rows
    y: Int[np.ndarray, "n"]
    model: HostModel = static()
    fitted: Any = static(default=None)
    classes: int = static(default=2)

    @property
    def dim(self) -> int:
        """The number of features."""
        return self.x.shape[-1]

    def update(self, row: Menu, y: Any) -> Any:
        one = jax.tree.map(jnp.atleast_1d, (row.open, y))
        return self.extend(
            Menu(features(row.x)[None], *map(jnp.atleast_1d, (row.price, row.noise, row.open))), *one[::-1]
        )

    def extend(self, rows: Menu, y: Any, valid: Bool[Array, "q"]) -> Any:
        """Learn from several rows at once, those that are open and `valid`: one fit for all."""
        if is_traced((rows, y, valid)):
            raise TypeError(
                f"{type(self).__name__} learns outside of JAX: call `select` and `update` in a Python loop, where "
                "`simulate` and `study` would compile them"
            )
        bought = np.asarray(valid) & np.asarray(rows.open)
        if not bought.any():
            return self
        x = np.concatenate([self.x, np.asarray(features(rows.x), np.float32)[bought]])
        told = np.concatenate([self.y, np.asarray(y)[bought].astype(np.int32)])
        fitted = self.model.fit(x, told) if len(np.unique(told)) > 1 else None
        return self.replace(x=x, y=told, fitted=fitted)  # type: ignore[attr-defined]

    def probs(self, menu: Menu) -> Float[Array, "K C"]:
        """The model's class probabilities (a committee's average)."""
        return self.tabled(menu).probs(menu)

    def tabled(self, menu: Menu) -> Tabled:
        """The predictions of a menu as arrays, for what is compiled around them."""
        return Tabled(per_item(self._predict, menu.x, axis=1))

    def _predict(self, x: Any) -> Float[Array, "draws K C"]:
        if self.fitted is None:
            counts = np.bincount(self.y, minlength=self.classes) + 1.0
            p = np.broadcast_to(counts / counts.sum(), (1, len(x), self.classes))
        else:
            p = np.asarray(self.model.predict(self.fitted, np.asarray(x)), np.float64)
            p = p[None] if p.ndim == 2 else p
            if p.shape[1:] != (len(x), self.classes):
                raise ValueError(
                    f"the model must predict [{len(x)}, {self.classes}] probabilities, or draws of them; its shape is "
                    f"{p.shape}"
                )
            p = p / p.sum(-1, keepdims=True)
        return jnp.asarray(p, jnp.float32)


@record
class HostCommittee(HostBelief):
    """A `HostBelief` whose model predicts by a committee: its members stand for posterior draws."""

    def predictive(self, menu: Menu, key: Key, draws: int) -> Float[Array, "draws K C"]:
        """The *observed* label's law for each of `draws` members, dealt in random order, past the row's error rate."""
        return self.tabled(menu).predictive(menu, key, draws)

    def tabled(self, menu: Menu) -> TabledDraws:
        """The predictions of a menu as arrays, for what is compiled around them."""
        return TabledDraws(per_item(self._predict, menu.x, axis=1))


def host_belief(
    model: Any,
    dim: int,
    classes: int = 2,
    *,
    members: Callable[[Any, np.ndarray], Any] | int | None = None,
    seed: int = 0,
) -> HostBelief | HostCommittee:
    """A belief from a model with `fit` and `predict_proba`, such as scikit-learn's, or from a `HostModel`.

    `members` makes it a committee, so that scores on posterior draws work too: a number, of copies fitted each to a
    bootstrap sample drawn by `seed`; or a function `(fitted, x) -> [members, K, C]` that asks the model's own, for a
    forest `lambda forest, x: [tree.predict_proba(x) for tree in forest.estimators_]`. The model given is never changed:
    copies are fitted. Raises `TypeError` where it has no such methods, `ValueError` where a size is below its least.
    """
    at_least("host_belief dim", dim, 1)
    at_least("host_belief classes", classes, 2)
    if isinstance(members, int):
        at_least("host_belief members", members, 2)
    made = (
        model
        if isinstance(model, HostModel)
        else _estimator(model, classes, None if isinstance(members, int) else members)
    )
    if isinstance(members, int):
        made = _bagged(made, members, seed)
    kind = HostBelief if members is None else HostCommittee
    return kind(np.zeros((0, dim), np.float32), np.zeros(0, np.int32), made, None, classes)


def _estimator(model: Any, classes: int, members: Callable[[Any, np.ndarray], Any] | None) -> HostModel:
    if not (hasattr(model, "fit") and hasattr(model, "predict_proba")):
        raise TypeError(
            f"host_belief needs a model with `fit` and `predict_proba`, or a HostModel(fit, predict); it got "
            f"{type(model).__name__}"
        )

    def fit(x: np.ndarray, y: np.ndarray) -> Any:
        return copy.deepcopy(model).fit(x, y)

    def predict(fitted: Any, x: np.ndarray) -> np.ndarray:
        said = np.asarray(fitted.predict_proba(x) if members is None else members(fitted, x))
        out = np.zeros((*said.shape[:-1], classes))
        out[..., np.asarray(fitted.classes_, int)] = said
        return out

    return HostModel(fit, predict)


def _bagged(model: HostModel, members: int, seed: int) -> HostModel:
    """Copies fitted to bootstrap samples, each drawn again until it has two classes."""

    def fit(x: np.ndarray, y: np.ndarray) -> list[Any]:
        rng = np.random.default_rng([seed, len(y)])
        fitted: list[Any] = []
        while len(fitted) < members:
            sample = rng.integers(len(y), size=len(y))
            if len(np.unique(y[sample])) > 1:
                fitted.append(model.fit(x[sample], y[sample]))
        return fitted

    return HostModel(fit, lambda fitted, x: np.stack([np.asarray(model.predict(f, x)) for f in fitted]))
