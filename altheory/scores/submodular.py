"""Greedy maximisation of a set function: lazy, plain, on random samples, and under a budget."""

from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from altheory.core import Key
from altheory.core.check import positive, within
from altheory.core.record import is_traced
from altheory.scores.diversity import Features, Labelled, feature_rows, labelled_centres, open_and_not, same_width
from altheory.scores.inputs import Batch, Mask, as_floats, open_items, size_within
from altheory.scores.lazy import lazy_argmax
from altheory.scores.objectives import FacilityLocation, Objective, Plus, Proximity

BLOCK = 64
"""Items evaluated at once."""
Method = Literal["lazy", "plain", "stochastic"]


def greedy(
    objective: Objective,
    size: int,
    *,
    method: Method = "lazy",
    open: Mask = None,
    epsilon: float = 0.1,
    key: Key | None = None,
) -> Batch:
    r"""Add the item of the largest gain, `size` times; `values [size]` are the objective after each pick.

    For a monotone submodular objective the value is at least :math:`1-(1-1/k)^k` of the best k items'. "lazy" has the
    same picks as "plain" (ties to the lowest index) for fewer evaluations, "stochastic" looks at
    :math:`\lceil\tfrac nk\log\tfrac1\epsilon\rceil` open items drawn with `key` each time and is within
    :math:`1-1/e-\epsilon` in expectation. Memory: 64 rows of the objective + 4 items. Raises `ValueError` where `size`
    exceeds the open items, on another method, or where "stochastic" has no key.
    Cite: nemhauser1978analysis, minoux1978accelerated, mirzasoleiman2015lazier.
    """
    mask = open_items(open, objective.items, size)
    if method == "lazy":
        return _lazy(objective, mask, size)
    if method == "plain":
        return _sampled(objective, mask, jax.random.key(0), size, objective.items)
    if method != "stochastic":
        raise ValueError(f"method must be 'lazy', 'plain' or 'stochastic'; it is {method!r}")
    if key is None:
        raise ValueError("key must be given for the stochastic method: pass key=jax.random.key(0)")
    within("epsilon", epsilon, 1e-6, 1 - 1 / np.e)
    sample = int(np.ceil(objective.items / size * np.log(1 / epsilon)))
    return _sampled(objective, mask, key, size, min(sample, objective.items))


def facility_location(
    similarity: Float[Array, "items targets"] | Float[np.ndarray, "items targets"],
    size: int,
    *,
    base: Float[Array, "targets"] | Float[np.ndarray, "targets"] | None = None,
    method: Method = "lazy",
    open: Mask = None,
    epsilon: float = 0.1,
    key: Key | None = None,
) -> Batch:
    r"""Pick items so that every target has one similar to it: greedy on `FacilityLocation`.

    `base [targets]` is what is there already, 0 where not given (so a negative similarity counts for nothing). Options,
    `values` and what raises: as in `greedy`; also on NaN. Memory beyond the input: 64 targets + 4 items.
    Cite: cornuejols1977location, nemhauser1978analysis.
    """
    s = as_floats("similarity", similarity, axes="items targets")
    b = jnp.zeros(s.shape[1], s.dtype) if base is None else as_floats("base", base, axes="targets").astype(s.dtype)
    return greedy(FacilityLocation(s, b), size, method=method, open=open, epsilon=epsilon, key=key)


def certainty_gain(
    x: Features,
    size: int,
    *,
    labelled: Labelled | None = None,
    targets: Float[Array, "T d"] | Float[np.ndarray, "T d"] | None = None,
    method: Method = "lazy",
    open: Mask = None,
    epsilon: float = 0.1,
    key: Key | None = None,
) -> Batch:
    r"""Pick items that raise the average certainty of the targets most (LDCAL).

    The certainty of u is its largest cosine similarity to a labelled or picked item, at least 0; `values` are
    :math:`\tfrac1{|U|}\sum_u` of its rise after each pick. `x` is `[items, d]`; `labelled` a mask over the items or
    features `[m, d]`; `targets [T, d]` the items themselves where not given, and fixed for the batch. Labelled items
    are not picked. Memory beyond the input: copies of x and targets + 64 T. Raises as `greedy` does, and on NaN and
    rows of zeros. Cite: xia2025selection, nemhauser1978analysis.
    """
    rows, goals, base, allowed = _proximity(x, labelled, targets, open)
    batch = greedy(Proximity(rows, goals, base), size, method=method, open=allowed, epsilon=epsilon, key=key)
    return Batch(batch.picks, batch.values / goals.shape[0])


def diverse_and_uncertain(
    scores: Float[Array, "items"] | Float[np.ndarray, "items"],
    x: Features,
    size: int,
    *,
    weight: Float[Array, ""] | float = 1.0,
    labelled: Labelled | None = None,
    open: Mask = None,
) -> Batch:
    r"""One greedy for uncertainty and coverage: :math:`\sum_{i\in S}u_i + \lambda\,\mathrm{ACG}(S)`.

    `scores [items]`, at least 0, say how uncertain an item is; the second term, times `weight`, is that of
    `certainty_gain`. Both are monotone submodular, and so is their sum. Memory and what raises: as `certainty_gain`,
    and where a score is negative. Cite: wei2015submodularity.
    """
    rows, goals, base, allowed = _proximity(x, labelled, None, open)
    u = as_floats("scores", scores, axes="items").astype(rows.dtype)
    per_target = jnp.asarray(weight, rows.dtype) / goals.shape[0]
    return greedy(Plus(Proximity(rows, goals, base), u, per_target), size, open=allowed)


def cost_benefit_greedy(
    objective: Objective,
    price: Float[Array, "items"] | Float[np.ndarray, "items"],
    budget: Float[Array, ""] | float,
    *,
    size: int | None = None,
    open: Mask = None,
) -> Batch:
    r"""Spend a `budget` on items of different `price`: the largest gain per price first, or the best single item.

    Items that no longer fit are skipped; the result is the better of this set and the best affordable item alone,
    worth at least :math:`\tfrac12(1-1/e)` of the best affordable set for a monotone submodular objective, as long as
    `size` (the most items to pick, all of them where not given) does not bind. `picks [size]` are padded with -1,
    `values` with the last value. Memory: as `greedy`. Raises `ValueError` where a price is not above 0, on wrong
    shapes, or where nothing open is affordable. Cite: leskovec2007cost.
    """
    c = as_floats("price", price, axes="items")
    if c.shape != (objective.items,):
        raise ValueError(f"price must have one entry for each of the {objective.items} items; its shape is {c.shape}")
    positive("price", c)
    most = objective.items if size is None else size
    size_within("size", most, objective.items)
    mask = open_items(open, objective.items, 1)
    affordable = mask & (c <= jnp.asarray(budget, c.dtype))
    if not is_traced(affordable) and not bool(affordable.any()):
        raise ValueError(
            f"budget must cover an open item; it is {float(budget):g}, the cheapest costs {c[mask].min():g}"
        )
    return _within_budget(objective, c, affordable, jnp.asarray(budget, c.dtype), most)


def _proximity(x: Any, labelled: Any, targets: Any, open: Any) -> tuple[Array, Array, Array, Any]:
    rows = feature_rows("x", x, "angular")
    goals = rows if targets is None else feature_rows("targets", targets, "angular").astype(rows.dtype)
    same_width("targets", goals, rows)
    extra, mask = labelled_centres(labelled, rows, "angular")
    base = _nearness(goals, rows if mask is not None else extra, mask)
    return rows, goals, base, open_and_not(open, mask)


@jax.jit
def _nearness(goals: Array, rows: Array | None, mask: Array | None) -> Float[Array, "T"]:
    """The largest inner product of each goal with a row (of those masked), at least 0."""
    if rows is None:
        return jnp.zeros(goals.shape[0], goals.dtype)
    count = jnp.asarray(rows.shape[0], jnp.int32) if mask is None else mask.sum(dtype=jnp.int32)
    order = jnp.arange(rows.shape[0], dtype=jnp.int32) if mask is None else jnp.argsort(~mask, stable=True)
    width = min(BLOCK, rows.shape[0])

    def one(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        i, near = carry
        place = i * width + jnp.arange(width, dtype=jnp.int32)
        similar = jnp.matmul(rows[order[jnp.minimum(place, rows.shape[0] - 1)]], goals.T, precision="highest")
        return i + 1, jnp.maximum(near, jnp.where((place < count)[:, None], similar, 0).max(0))

    start = (jnp.zeros((), jnp.int32), jnp.zeros(goals.shape[0], goals.dtype))
    return jax.lax.while_loop(lambda c: c[0] * width < count, one, start)[1]


def _all_gains(objective: Any, state: Any) -> Float[Array, "items"]:
    """Every item's gain, a block at a time."""
    block = min(BLOCK, objective.items)

    def one(i: Array, out: Array) -> Array:
        start = jnp.minimum(i * block, objective.items - block)
        gains = objective.gains(state, start + jnp.arange(block, dtype=jnp.int32))
        return jax.lax.dynamic_update_slice_in_dim(out, gains, start, 0)

    dtype = jax.eval_shape(objective.gains, state, jnp.zeros(1, jnp.int32)).dtype
    return jax.lax.fori_loop(0, -(-objective.items // block), one, jnp.zeros(objective.items, dtype))


@partial(jax.jit, static_argnames="size")
def _lazy(objective: Any, open: Array, size: int) -> Batch:
    def pick(carry: tuple[Any, Array], _: None) -> tuple[tuple[Any, Array], tuple[Array, Array]]:
        state, bounds = carry
        bounds, item, gain, _count = lazy_argmax(lambda i: objective.gains(state, i), bounds, BLOCK)
        return (objective.add(state, item), bounds.at[item].set(-jnp.inf)), _outcome(item, gain)

    start = objective.start()
    bounds = jnp.where(open, _all_gains(objective, start), -jnp.inf)
    picks, gains = jax.lax.scan(pick, (start, bounds), None, length=size)[1]
    return Batch(picks, jnp.cumsum(gains))


@partial(jax.jit, static_argnames=("size", "sample"))
def _sampled(objective: Any, open: Array, key: Key, size: int, sample: int) -> Batch:
    """Greedy over `sample` of the open items, drawn afresh each time (all of them, where there are no more)."""

    def pick(carry: tuple[Any, Array], t: Array) -> tuple[tuple[Any, Array], tuple[Array, Array]]:
        state, live = carry
        if sample == live.shape[0]:
            gains = _all_gains(objective, state)
        else:
            noise = jax.random.uniform(jax.random.fold_in(key, t), live.shape)
            drawn = jax.lax.top_k(jnp.where(live, noise, -1), sample)[1]
            some = jax.lax.map(lambda i: objective.gains(state, i[None])[0], drawn, batch_size=min(BLOCK, sample))
            gains = jnp.full(live.shape, -jnp.inf, some.dtype).at[drawn].set(some)
        gains = jnp.where(live, gains, -jnp.inf)
        item = jnp.argmax(gains).astype(jnp.int32)
        return (objective.add(state, item), live.at[item].set(False)), _outcome(item, gains[item])

    picks, gains = jax.lax.scan(pick, (objective.start(), open), jnp.arange(size, dtype=jnp.int32))[1]
    return Batch(picks, jnp.cumsum(gains))


def _outcome(item: Array, gain: Array) -> tuple[Int[Array, ""], Float[Array, ""]]:
    found = gain > -jnp.inf
    return jnp.where(found, item, -1).astype(jnp.int32), jnp.where(found, gain, 0)


@partial(jax.jit, static_argnames="size")
def _within_budget(objective: Any, price: Array, open: Array, budget: Array, size: int) -> Batch:
    def pick(carry: tuple[Any, Array, Array], _: None) -> tuple[tuple[Any, Array, Array], tuple[Array, Array]]:
        state, bounds, left = carry
        bounds = jnp.where(price <= left, bounds, -jnp.inf)

        def rate(index: Array) -> Array:
            return objective.gains(state, index) / price[index]

        bounds, item, gain, _count = lazy_argmax(rate, bounds, BLOCK)
        found = gain > -jnp.inf
        state = jax.tree.map(lambda new, old: jnp.where(found, new, old), objective.add(state, item), state)
        left = left - jnp.where(found, price[item], 0)
        return (state, bounds.at[item].set(-jnp.inf), left), _outcome(item, gain * price[item])

    start = objective.start()
    alone = jnp.where(open, _all_gains(objective, start), -jnp.inf)
    picks, gains = jax.lax.scan(pick, (start, alone / price, budget), None, length=size)[1]
    values = jnp.cumsum(gains)
    single = jnp.argmax(alone).astype(jnp.int32)
    worse = alone[single] > values[-1]
    lone = jnp.full(size, -1, jnp.int32).at[0].set(single)
    return Batch(jnp.where(worse, lone, picks), jnp.where(worse, alone[single], values))
