"""Theorems on opening boxes at a price, against dynamic programming and the enumeration of every outcome."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import optimize, stats

from altheory.beliefs import Boxes, boxes
from altheory.core import Key, Menu, Score
from altheory.guarantees.evidence import Always, Equals
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.guarantees.searches import MakePolicy, Searches, achieved, optimum, random_searches
from altheory.policies import Argmax, never, pandora, weitzman_stop
from altheory.scores import (
    BernoulliPrize,
    DiscretePrize,
    ExponentialPrize,
    GaussianPrize,
    LogNormalPrize,
    UniformPrize,
    nonobligatory_bounds,
    reservation,
    reservation_value,
    weitzman_value,
)

Index = Callable[[Any, Any], Any]
Law = tuple[str, Any, Any]
"""A name, a law of prizes, and the same law in scipy."""

NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
PRICES = np.array([1e-6, 0.01, 0.2, 0.9, 7.0])


def laws() -> tuple[Law, ...]:
    """The laws of the cases, made when asked for: importing the package must touch no device."""
    return (
        ("Gaussian", GaussianPrize(0.5, 2.0), stats.norm(0.5, 2)),
        ("nearly sure", GaussianPrize(3.0, 1e-3), stats.norm(3, 1e-3)),
        ("uniform", UniformPrize(-1.0, 2.0), stats.uniform(-1, 3)),
        ("exponential", ExponentialPrize(0.7, -1.0), stats.expon(-1, 0.7)),
        ("lognormal", LogNormalPrize(0.2, 0.9), stats.lognorm(0.9, scale=math.exp(0.2))),
        ("two values", BernoulliPrize(0.3), stats.bernoulli(0.3)),
        ("atoms", DiscretePrize([0.0, 1.0, 2.0, 5.0], [0.2, 0.3, 0.4, 0.1]), stats.rv_discrete(
            values=([0, 1, 2, 5], [0.2, 0.3, 0.4, 0.1]))),
    )  # fmt: skip


def _excess(law: Any, k: float) -> float:
    """Expected excess over k, from scipy's law alone."""
    if hasattr(law, "pmf"):
        values = np.arange(6)
        return float((law.pmf(values) * np.maximum(values - k, 0)).sum())
    low, high = law.support()
    if k <= low:
        return float(law.mean() - k)
    tails = np.geomspace(1e-15, 0.3, 30)
    quantiles = np.r_[law.ppf(tails), law.isf(np.r_[0.5, tails]), high]
    cut = np.unique(np.r_[k, quantiles[(quantiles > k) & np.isfinite(quantiles)]])
    half = np.diff(cut)[:, None] / 2
    return float((law.sf(cut[:-1, None] + half * (NODES + 1)) * WEIGHTS * half).sum())


def _root_cases(algorithm: Index, trials: int) -> Iterator[Case]:
    """Found: the root, its excess, and minus one over its slope, which is the tail beyond it."""
    for name, prize, law in laws():
        with jax.enable_x64(True):
            double = jax.tree.map(lambda x: jnp.asarray(np.asarray(x, np.float64)), prize)
            both = jax.jit(lambda p, c: jax.jvp(lambda c: algorithm(p, c), (c,), (jnp.ones_like(c),)))
            k, slope = (np.asarray(x) for x in both(double, jnp.asarray(PRICES)))
        yield Case(name, (law, PRICES), np.stack([k, [_excess(law, x) for x in k], -1 / slope]))


def _twice(prize: Any, price: Any) -> Any:
    """A mutant: the price doubled."""
    return reservation_value(prize, 2 * price)


def _surplus(prize: Any, price: Any) -> Any:
    """A mutant: the mean less the price."""
    return prize.mean() - price


@guarantee(
    "The reservation value is the root of E(V - k)+ = c, and falls with c at the rate 1/P(V > k)",
    id="reservation-value",
    family="search",
    latex=r"E(V-\kappa)_+ = c,\quad d\kappa/dc = -1/P(V>\kappa)",
    cite="weitzman1979optimal",
    note="proofs_notes/reservation-value.md",
    bounds=Equals(as_array, tolerance=1e-6),
    algorithm=reservation_value,
    cases=_root_cases,
    mutants={
        "price doubled": _twice,
        "half the price": lambda prize, price: reservation_value(prize, price / 2),
        "mean less price": _surplus,
    },
)
def reservation_value_root(law: Any, price: np.ndarray) -> np.ndarray:
    """The root by bisection, the price itself, and the mass beyond the root, `[3, prices]`.

    Cite: weitzman1979optimal.
    """
    top = 5.0 if hasattr(law, "pmf") else law.isf(1e-15)
    roots = [optimize.brentq(lambda k, c=c: _excess(law, k) - c, law.mean() - c - 1, top, xtol=1e-13) for c in price]
    return np.stack([roots, price, law.sf(np.array(roots))])


def independent_boxes(policy: Any, oracle: Any) -> str | None:
    """The prizes of different boxes are independent."""
    if getattr(oracle, "independent", False):
        return None
    return f"{type(oracle).__name__} draws its prizes jointly, and the theorem needs independent boxes"


def no_precedence(policy: Any, oracle: Any) -> str | None:
    """Any box may be opened first."""
    if getattr(oracle, "parent", None) is None:
        return None
    return "some boxes may be opened only after others, which is another problem: see precedence_indices"


def obligatory_inspection(policy: Any, oracle: Any) -> str | None:
    """A prize counts only where its box was opened."""
    if getattr(oracle, "obligatory", True):
        return None
    return (
        f"in {type(oracle).__name__} a candidate may be taken unopened, which is another problem: see "
        "nonobligatory_bounds"
    )


def prices_are_fixed(policy: Any, oracle: Any) -> str | None:
    """What it costs to open a box does not depend on what was opened before."""
    if getattr(oracle, "fixed_prices", True):
        return None
    return f"in {type(oracle).__name__} prices depend on what was bought before, and the theorem needs fixed ones"


def plays_weitzman(policy: Any, oracle: Any) -> str | None:
    """The policy opens by reservation value and stops when the best in hand is at least every index."""
    parts = (getattr(policy, "score", None), getattr(policy, "stop", None))
    plays = isinstance(policy, Argmax) and isinstance(policy.belief, Boxes)
    by = [part.fn for part in parts if isinstance(part, Score)] == [reservation, weitzman_stop]
    return None if plays and by else "the policy is not Weitzman's rule"


def _same_search(policy: Any, oracle: Any) -> str | None:
    if not isinstance(getattr(policy, "belief", None), Boxes) or not {"prize", "winners"} <= set(dir(oracle)):
        return None
    shape = oracle.price.shape
    mine, true = (jax.tree.leaves(p.spread(shape)) for p in (policy.belief.prize, oracle.prize))
    same = len(mine) == len(true) and all(np.allclose(a, b) for a, b in zip(mine, true, strict=True))
    places = policy.belief.hand.shape[0] == oracle.winners and np.allclose(policy.belief.hand, oracle.outside)
    return None if same and places else "the policy's laws, outside option or number of winners are not the oracle's"


def prior_of_boxes_is_right(policy: Any, oracle: Any) -> str | None:
    """The policy knows the laws its prizes are drawn from."""
    return _same_search(policy, oracle)


def _weitzman_cases(algorithm: MakePolicy, trials: int) -> Iterator[Case]:
    """The policy's expected welfare over every outcome, and the optimum by dynamic programming."""
    searches = random_searches(12, 4, 2, seed=1)
    best, value = optimum(searches), achieved(algorithm, searches)[0]
    for i in range(len(best)):
        oracle = searches.oracle(i)
        yield Case(f"search {i}", (pandora(oracle.prize), oracle), [best[i], value[i]])


def weitzman(prize: Any, price: Any) -> Argmax:
    """Weitzman's rule for boxes whose prices the menu tells."""
    return pandora(prize)


def _by_surplus(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    return belief.mean(menu) - menu.price


def _by_hope(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    law = belief.prizes(menu)
    return jnp.where(law.probs > 0, law.values, -jnp.inf).max(-1) - menu.price


def _by_twice(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    return belief.prizes(menu).reservation(2 * menu.price)


@guarantee(
    "Opening boxes by reservation value until the best in hand is at least all left is worth E max(0, min(V, kappa))",
    id="weitzman-optimal",
    family="search",
    latex=r"\max_\pi E[V-c] = E\max(0,\max_i\min(V_i,\kappa_i))",
    cite="weitzman1979optimal",
    note="proofs_notes/weitzman-optimal.md",
    bounds=Equals(as_array, tolerance=1e-6),
    assumes=[
        prices_are_fixed,
        obligatory_inspection,
        independent_boxes,
        no_precedence,
        plays_weitzman,
        prior_of_boxes_is_right,
    ],
    algorithm=weitzman,
    cases=_weitzman_cases,
    mutants={
        "by mean less price": lambda prize, price: Argmax(boxes(prize), _by_surplus, weitzman_stop),
        "by largest value less price": lambda prize, price: Argmax(boxes(prize), _by_hope, weitzman_stop),
        "price doubled": lambda prize, price: Argmax(boxes(prize), _by_twice, weitzman_stop),
        "never stops": lambda prize, price: Argmax(boxes(prize), reservation, never),
    },
)
def weitzman_optimal(policy: Any, oracle: Any) -> float:
    """What the search is worth. Cite: weitzman1979optimal, kleinberg2016descending."""
    return weitzman_value(oracle.prize, oracle.price, outside=float(oracle.outside), winners=oracle.winners)


SCALES = np.array([0.25, 0.5, 1.0, 2.0, 4.0])


def _scaling_cases(algorithm: MakePolicy, trials: int) -> Iterator[Case]:
    """Base prices paid at each scale of the prices: no more than the slope before, no less than the slope after."""
    searches = random_searches(20, 3, 2, seed=2)
    spent = np.stack([achieved(algorithm, searches.scaled(s))[1] / s for s in SCALES])
    yield Case("searches with ties", (searches, SCALES), np.stack([spent[1:], -spent[:-1]]))


def _blind_to_scale(prize: Any, price: Any) -> Argmax:
    """A mutant: prices are taken to be a quarter."""
    return Argmax(boxes(prize), _at_a_quarter, weitzman_stop)


def _at_a_quarter(belief: Any, menu: Menu, key: Key) -> Float[Array, "K"]:
    return belief.prizes(menu).reservation(jnp.full_like(menu.price, 0.25))


@guarantee(
    "With prices scaled by s the optimal value is convex and falls in s at the rate of the base prices paid",
    id="pandora-cost-scaling",
    family="search",
    latex=r"C(s_{j+1}) \le \frac{V(s_j)-V(s_{j+1})}{s_{j+1}-s_j} \le C(s_j)",
    cite="weitzman1979optimal",
    note="proofs_notes/pandora-cost-scaling.md",
    bounds=Always(as_array, tolerance=1e-6),
    algorithm=weitzman,
    cases=_scaling_cases,
    mutants={"index blind to the scale": _blind_to_scale},
)
def pandora_cost_scaling(searches: Searches, scales: np.ndarray) -> np.ndarray:
    """Slopes of the optimal value between scales, and the same negated, `[2, scales - 1, n]`.

    Cite: weitzman1979optimal.
    """
    value = np.stack([optimum(searches.scaled(s)) for s in scales])
    slope = -np.diff(value, axis=0) / np.diff(scales)[:, None]
    return np.stack([slope, -slope])


def _unseen_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    """The lower bound, the upper bound negated, and the committing policy against its share of the optimum."""
    coin = Searches(np.array([[[0.0, 2.0]] * 3]), np.full((1, 3, 2), 0.5), np.array([[0.3, 1.9, 1.9]]))
    dear = Searches(coin.values, coin.probs, np.full((1, 3), 1.5))
    for name, searches in (("a coin", coin), ("dear coins", dear), ("ties", random_searches(6, 3, 2, seed=3, low=0))):
        found = [algorithm(searches.oracle(i).prize, searches.price[i]) for i in range(len(searches.price))]
        low, high = np.array([f[:2] for f in found]).T
        yield Case(name, (searches,), np.stack([low, -high, -low]))


def _all_obliged(prize: Any, price: Any) -> tuple[float, float]:
    """A mutant: as if every box taken had to be opened."""
    value = weitzman_value(prize, price)
    return value, value


def _no_bound(prize: Any, price: Any) -> tuple[float, float]:
    """A mutant: the upper bound taken for a policy's value."""
    return (nonobligatory_bounds(prize, price)[1],) * 2


@guarantee(
    "Where a box may be taken unopened the optimum lies between the best committing policy and the prize of free boxes",
    id="pandora-nonobligatory",
    family="search",
    latex=r"(1-\tfrac1e)\mathrm{OPT} \le \max_i W(o\vee EV_i) \le \mathrm{OPT} \le E\max(0,\max_iV_i)",
    cite="beyhaghi2019nonobligatory",
    note="proofs_notes/pandora-nonobligatory.md",
    bounds=Always(as_array, tolerance=1e-6),
    algorithm=nonobligatory_bounds,
    cases=_unseen_cases,
    mutants={"inspection taken as obligatory": _all_obliged, "free boxes": _no_bound},
)
def pandora_nonobligatory(searches: Searches) -> np.ndarray:
    """The optimum by dynamic programming, negated, and the share of it a committing policy has, negated, `[3, n]`.

    Cite: beyhaghi2019nonobligatory.
    """
    best = optimum(searches, obligatory=False)
    return np.stack([best, -best, -(1 - 1 / math.e) * best])


def _recall_cases(algorithm: Index, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(4)
    for t in range(12):
        values, probs = np.sort(rng.integers(0, 9, 4)).astype(float), rng.dirichlet(np.ones(4))
        # The last prices put the reservation value on an atom.
        price = (
            float(rng.choice([0.1, 0.5, 1.0])) if t < 8 else float((probs * np.maximum(values - values[2], 0)).sum())
        )
        k = float(algorithm(DiscretePrize(values, probs), max(price, 1e-3)))
        yield Case(f"law {t}", (values, probs, max(price, 1e-3)), [_renewal(values, probs, max(price, 1e-3), k)])


def _renewal(values: np.ndarray, probs: np.ndarray, price: float, threshold: float) -> float:
    """Expected prize less prices of drawing until a value of at least the threshold comes."""
    good = values >= threshold - 1e-6
    mass = probs[good].sum()
    return float((probs[good] @ values[good] - price) / mass) if mass > 0 else -math.inf


@guarantee(
    "With unlimited independent candidates of one law, waiting for the reservation value is worth just that, and best",
    id="search-with-recall",
    family="search",
    latex=r"E[V\mid V\ge\kappa]-\frac{c}{P(V\ge\kappa)} = \kappa = \max_k",
    cite="weitzman1979optimal",
    note="proofs_notes/search-with-recall.md",
    bounds=Equals(as_array, tolerance=1e-5),
    algorithm=reservation_value,
    cases=_recall_cases,
    mutants={"price doubled": _twice, "mean less price": _surplus},
)
def search_with_recall(values: np.ndarray, probs: np.ndarray, price: float) -> float:
    """The best threshold's value, by trying every atom. Cite: weitzman1979optimal."""
    return max(_renewal(values, probs, price, v) for v, p in zip(values, probs, strict=True) if p > 0)


def _sure_cases(algorithm: Index, trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(5)
    for name, value in (("whole numbers", rng.integers(-3, 9, 6).astype(float)), ("scales", rng.normal(size=6) * 1e3)):
        price = rng.exponential(size=6) * np.abs(value).max() / 4
        k = np.asarray(algorithm(DiscretePrize(value[:, None], np.ones((6, 1))), price), np.float64)
        worth = weitzman_value(GaussianPrize(value, np.zeros(6)), price)
        yield Case(name, (value, price), [*k, max(0.0, k.max()), worth])


@guarantee(
    "A box whose prize is known has the index v - c, and the search is worth the largest of them or nothing",
    id="pandora-deterministic",
    family="search",
    latex=r"\kappa_i = v_i-c_i,\quad W = \max(0,\max_i(v_i-c_i))",
    cite="weitzman1979optimal",
    note="proofs_notes/pandora-deterministic.md",
    bounds=Equals(as_array, tolerance=1e-5),
    algorithm=reservation_value,
    cases=_sure_cases,
    mutants={"price doubled": _twice},
)
def pandora_deterministic(value: np.ndarray, price: np.ndarray) -> np.ndarray:
    """Each surplus, and twice the worth of the search, `[K + 2]`. Cite: weitzman1979optimal."""
    worth = max(0.0, float((value - price).max()))
    return np.array([*(value - price), worth, worth])
