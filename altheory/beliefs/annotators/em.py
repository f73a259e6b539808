"""True classes and annotators' errors from labels alone: Dawid-Skene, one-coin and MACE, by one EM loop."""

from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from altheory.beliefs.annotators.labels import Triples, Votes, evidence, shares, tally, votes
from altheory.core import Scalar, record
from altheory.core.check import at_least, nonnegative


@record
class Consensus:
    """What a label model found: each item's class `posterior` `[items, C]` and each worker's `confusion`.

    `confusion[w, c, l]` is the chance that worker w says l where c is true, and `prior [C]` the classes' shares.
    `competence [workers]` is the chance of a right label (of an honest one, for `mace`). `objective [steps]` is the log
    posterior (the log likelihood, without smoothing) after each step of EM, NaN past the last one taken, `taken`.
    """

    posterior: Float[Array, "items C"]
    confusion: Float[Array, "workers C C"]
    prior: Float[Array, "C"]
    competence: Float[Array, "workers"]
    objective: Float[Array, "steps"]
    taken: Int[Array, ""]


class Model(Protocol):
    """An annotator model: parameters from expected counts, and the confusion matrices they stand for."""

    def start(self, counts: Array) -> Any: ...
    def maximise(self, params: Any, counts: Array, smoothing: Array) -> Any: ...
    def confusion(self, params: Any, classes: int) -> Array: ...
    def competence(self, params: Any, prior: Array) -> Array: ...


def dawid_skene(
    labels: Triples,
    *,
    items: int | None = None,
    workers: int | None = None,
    classes: int | None = None,
    smoothing: Scalar = 1.0,
    weight: Any = None,
    known: Any = None,
    steps: int = 100,
    tol: float = 1e-4,
) -> Consensus:
    r"""Dawid and Skene's model: every worker has a confusion matrix of its own; EM from the shares of votes.

    Maximises :math:`\sum_i\log\sum_c\rho_c\prod_{(i,w,l)}\pi^w_{cl} + \alpha\sum\log(\text{all parameters})`, which
    never falls from one step to the next. `labels` `[n, 3]` are triples (item, worker, label), in any order, repeated
    or missing as may be; sizes are read off them unless given. :math:`\alpha` = `smoothing` are pseudo-counts;
    `weight [n]` counts a label so many times; `known [items]` holds the classes of items that are certain, negative
    elsewhere, and EM then starts from these. It stops after `steps`, or once no posterior moved by more than `tol`.

    A local optimum: classes may be permuted where most workers are worse than chance, unless `known` says otherwise.
    Time a step: n C. Memory: (n + items) C + workers C^2. Raises `ValueError` on labels that are no triples of whole
    numbers or exceed the given sizes, and on negative weights or smoothing. Cite: dawid1979maximum.
    """
    data = votes(labels, items=items, workers=workers, classes=classes, weight=weight)
    return _fit(_FullConfusion(), data, known, smoothing, steps, tol)


def one_coin(
    labels: Triples,
    *,
    items: int | None = None,
    workers: int | None = None,
    classes: int | None = None,
    smoothing: Scalar = 1.0,
    weight: Any = None,
    known: Any = None,
    steps: int = 100,
    tol: float = 1e-4,
) -> Consensus:
    r"""Each worker is right with one probability, and otherwise names any other class alike; else as `dawid_skene`.

    One number a worker where `dawid_skene` has C (C - 1): better where labels a worker are few. Cite: dawid1979maximum.
    """
    data = votes(labels, items=items, workers=workers, classes=classes, weight=weight)
    return _fit(_OneCoin(), data, known, smoothing, steps, tol)


def mace(
    labels: Triples,
    *,
    items: int | None = None,
    workers: int | None = None,
    classes: int | None = None,
    smoothing: Scalar = 1.0,
    weight: Any = None,
    known: Any = None,
    steps: int = 100,
    tol: float = 1e-4,
) -> Consensus:
    r"""Each worker copies the true class with probability :math:`\theta_w`, else draws from its own :math:`\xi_w`.

    :math:`\pi^w_{cl} = \theta_w[c=l] + (1-\theta_w)\xi_{wl}`: a spammer has :math:`\theta_w = 0`. `competence` is
    :math:`\theta_w`. Else as `dawid_skene`; the classes' shares are learned too. Cite: hovy2013learning.
    """
    data = votes(labels, items=items, workers=workers, classes=classes, weight=weight)
    return _fit(_Mace(), data, known, smoothing, steps, tol)


def _fit(model: Model, data: Votes, known: Any, smoothing: Scalar, steps: int, tol: float) -> Consensus:
    at_least("steps", steps, 1)
    nonnegative("smoothing", smoothing)
    items, _, classes = data.sizes
    fixed = jnp.zeros((items, classes), data.weight.dtype)
    if known is not None:
        given = jnp.asarray(known)
        if given.shape != (items,) or not jnp.issubdtype(given.dtype, jnp.integer):
            raise ValueError(
                f"known must hold one class for each of the {items} items, negative where unknown; "
                f"its shape is {given.shape}, its type {given.dtype}"
            )
        fixed = jnp.where((given[:, None] >= 0) & (given[:, None] != jnp.arange(classes)), -jnp.inf, 0)
    strength = jnp.asarray(smoothing, data.weight.dtype)
    return _em(model, data[:3], fixed.astype(data.weight.dtype), strength, tol, sizes=data.sizes, steps=steps)


@partial(jax.jit, static_argnames=("sizes", "steps"))
def _em(
    model: Model,
    arrays: tuple[Array, Array, Array],
    fixed: Array,
    smoothing: Array,
    tol: Scalar,
    *,
    sizes: tuple[int, int, int],
    steps: int,
) -> Consensus:
    data = Votes(*arrays, sizes)
    first = _start(shares(data), fixed)

    def body(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        k, params, _, posterior, objective, _ = carry
        params = model.maximise(params, tally(posterior, data), smoothing)
        prior = _normalised(posterior.sum(0) + smoothing)
        new, fit = _expect(model.confusion(params, sizes[2]), prior, data, fixed)
        height = fit + smoothing * (_logs(params) + _logs(prior))
        return k + 1, params, prior, new, objective.at[k].set(height), jnp.abs(new - posterior).max()

    def going(carry: tuple[Any, ...]) -> Array:
        return (carry[0] < steps) & (carry[-1] > tol)

    start = model.start(tally(first, data))
    nothing = jnp.full(steps, jnp.nan, first.dtype)
    moved = jnp.asarray(jnp.inf, first.dtype)
    begin = (jnp.int32(0), start, first.mean(0), first, nothing, moved)
    k, params, prior, posterior, objective, _ = jax.lax.while_loop(going, body, begin)
    confusion, competence = model.confusion(params, sizes[2]), model.competence(params, prior)
    return Consensus(posterior, confusion, prior, competence, objective, k)


def _start(votes: Array, fixed: Array) -> Array:
    """What the first M step counts: the votes; where classes are known, these, and a tenth of their mass in votes."""
    known = jnp.isinf(fixed).any(-1, keepdims=True)
    certain = known.astype(votes.dtype).sum()
    share = 0.1 * certain / jnp.maximum(votes.shape[0] - certain, 1)
    return jnp.where(known, jnp.exp(fixed), votes * jnp.where(known.any(), share, 1))


def _expect(confusion: Array, prior: Array, data: Votes, fixed: Array) -> tuple[Array, Array]:
    """The items' class posteriors, and the log likelihood of all labels."""
    joint = evidence(_log(confusion), data) + _log(prior) + fixed
    total = jax.scipy.special.logsumexp(joint, -1, keepdims=True)
    return jnp.exp(joint - total), total.sum()


def _log(p: Array) -> Array:
    return jnp.log(jnp.maximum(p, jnp.finfo(p.dtype).tiny))


def _logs(params: Any) -> Array:
    """The sum of the logarithms of all parameters."""
    return jnp.stack([_log(p).sum() for p in jax.tree.leaves(params)]).sum()


def _normalised(counts: Array) -> Array:
    total = counts.sum(-1, keepdims=True)
    return jnp.where(total > 0, counts / jnp.where(total > 0, total, 1), 1 / counts.shape[-1])


@record
class _FullConfusion:
    def start(self, counts: Array) -> Array:
        return _normalised(jnp.ones_like(counts))

    def maximise(self, params: Array, counts: Array, smoothing: Array) -> Array:
        return _normalised(counts + smoothing)

    def confusion(self, params: Array, classes: int) -> Array:
        return params

    def competence(self, params: Array, prior: Array) -> Array:
        return (jnp.diagonal(params, axis1=1, axis2=2) * prior).sum(-1)


@record
class _OneCoin:
    """Parameters `[workers, 2]`: the chances of a right and of a wrong label."""

    def start(self, counts: Array) -> Array:
        return jnp.full((counts.shape[0], 2), 0.5, counts.dtype)

    def maximise(self, params: Array, counts: Array, smoothing: Array) -> Array:
        right = jnp.diagonal(counts, axis1=1, axis2=2).sum(-1)
        return _normalised(jnp.stack([right, counts.sum((1, 2)) - right], -1) + smoothing)

    def confusion(self, params: Array, classes: int) -> Array:
        return jnp.where(jnp.eye(classes, dtype=bool), params[:, :1, None], params[:, 1:, None] / (classes - 1))

    def competence(self, params: Array, prior: Array) -> Array:
        return params[:, 0]


class _Spam(NamedTuple):
    """MACE's parameters: `honest [workers, 2]` (copies, spams) and `habit [workers, C]`, the spam's law."""

    honest: Array
    habit: Array


@record
class _Mace:
    def start(self, counts: Array) -> _Spam:
        said = counts.sum(1)
        return _Spam(jnp.full((said.shape[0], 2), 0.5, said.dtype), _normalised(jnp.ones_like(said)))

    def maximise(self, params: _Spam, counts: Array, smoothing: Array) -> _Spam:
        hit, said = jnp.diagonal(counts, axis1=1, axis2=2), counts.sum(1)
        copied, total = params.honest[:, :1], params.honest[:, :1] + params.honest[:, 1:] * params.habit
        kept = hit * jnp.where(total > 0, copied / jnp.where(total > 0, total, 1), 0)
        spam = jnp.maximum(said - kept, 0)
        honest = jnp.stack([kept.sum(-1), spam.sum(-1)], -1)
        return _Spam(_normalised(honest + smoothing), _normalised(spam + smoothing))

    def confusion(self, params: _Spam, classes: int) -> Array:
        copy = params.honest[:, 0, None, None] * jnp.eye(classes, dtype=params.habit.dtype)
        return copy + params.honest[:, 1, None, None] * params.habit[:, None, :]

    def competence(self, params: _Spam, prior: Array) -> Array:
        return params.honest[:, 0]
