"""Theorems on adversarial bandits: inequalities on every path, and short games enumerated whole."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from altheory.core import Choice, Menu, Outcome, record
from altheory.guarantees.evidence import Always, WithProbability
from altheory.guarantees.guarantee import Case, guarantee
from altheory.guarantees.observe import as_array
from altheory.guarantees.tree import along, chances, every_path
from altheory.oracles import AdaptiveAdversary, AdversarialBandit, AdviceBandit
from altheory.policies import Exp4, InverseGap, MirrorDescent, exp3, exp3_ix, exp4, hedge, random, square_cb
from altheory.policies.pick import Acting
from altheory.sim import regret, study

Rows = Float[np.ndarray, "T K"]
EXACT = 1e-3
"""What single precision may leave of an identity."""


def _table(rewards: Rows, *, full: bool = False) -> AdversarialBandit:
    return AdversarialBandit(jnp.asarray(rewards), full=full)


def _played(policy: Any, oracle: Any, steps: int) -> tuple[Rows, Rows]:
    """The laws played and the losses met in one run with full information; choices take turns."""
    items = np.arange(steps)[None] % oracle.value(oracle.init(jax.random.key(0))).shape[0]
    world, rewards = oracle.init(jax.random.key(0)), []
    for t in range(steps):
        rewards.append(np.asarray(oracle.value(world), np.float64))
        choice = Choice(jnp.int32(items[0, t]), jnp.ones(()), jnp.bool_(False), jnp.bool_(True), jnp.int32(0))
        world, _ = oracle.answer(world, choice, jax.random.key(0))
    return along(policy, oracle, items)[0][0], 1 - np.array(rewards)


def _hedge_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    rng, steps, experts = np.random.default_rng(0), 200, 4
    one_perfect = (rng.random((steps, experts)) < 0.5) * 1.0
    one_perfect[:, 2] = 1
    alternating = (np.arange(steps)[:, None] % 2 == np.arange(experts) % 2) * 1.0
    oracles = {
        "a leader that is always hit": AdaptiveAdversary(experts, full=True),
        "one perfect expert": _table(one_perfect, full=True),
        "alternating experts": _table(alternating, full=True),
        "chance": _table(rng.random((steps, experts)), full=True),
    }
    for name, oracle in oracles.items():
        for eta in (math.sqrt(8 * math.log(experts) / steps), 2.0):
            p, loss = _played(algorithm(experts, eta), oracle, steps)
            mine, total = (p * loss).sum(1).cumsum(), loss.cumsum(0)
            mixed = (-np.log((p * np.exp(-eta * loss)).sum(1)) / eta).cumsum()
            whole = -np.log(np.exp(-eta * total).mean(1)) / eta
            small = mine * -math.expm1(-eta) - eta * total.min(1)
            seen = np.concatenate([mine - total.min(1), small, np.abs(mixed - whole)])
            yield Case(f"{name}, eta {eta:.2g}", (eta, experts, steps), seen)


def _hedge(experts: int, eta: float) -> MirrorDescent:
    return hedge(experts, eta=eta)


@guarantee(
    "Regret <= ln(N)/eta + eta t/8 and (1 - exp(-eta)) loss <= eta L* + ln N, at every round of every path",
    id="hedge",
    family="adversarial",
    latex=r"\sum_{s\le t}\langle p_s,\ell_s\rangle - \min_iL_i \le \frac{\ln N}{\eta} + \frac{\eta t}{8}",
    cite="freund1997decision",
    note="proofs_notes/hedge.md",
    bounds=Always(as_array, tolerance=1e-5),
    ceiling=lambda eta, experts, steps: np.concatenate([np.arange(1, steps + 1), np.full(2 * steps, np.inf)]),
    algorithm=_hedge,
    cases=_hedge_cases,
    mutants={
        "follows the leader": lambda experts, eta: hedge(experts, eta=1e6),
        "a rate for the horizon squared": lambda experts, eta: hedge(experts, eta=eta / 14),
    },
)
def hedge_regret(eta: float, experts: int, steps: int) -> np.ndarray:
    r"""Upper bounds at rounds 1..`steps`: on the regret against the best of `experts`; on :math:`(1-e^{-\eta})` times
    the loss minus :math:`\eta L^\star`; and on what the mix losses miss of
    :math:`-\frac1\eta\ln\frac1N\sum e^{-\eta L_i}`, which is 0. Cite: freund1997decision.
    """
    t = np.arange(1, steps + 1)
    log = np.full(steps, math.log(experts))
    return np.concatenate([log / eta + eta * t / 8, log, np.full(steps, EXACT)])


@record
class _Rewards(MirrorDescent):
    """A mutant: rewards for losses, without a shift, so that estimates are below 0."""

    def estimate(self, loss: Float[Array, ""], prob: Float[Array, ""]) -> Float[Array, ""]:
        return -(1 - loss) / prob


@record
class _Unweighted(MirrorDescent):
    """A mutant: the loss as it is."""

    def estimate(self, loss: Float[Array, ""], prob: Float[Array, ""]) -> Float[Array, ""]:
        return loss


@record
class _Confused(MirrorDescent):
    """A mutant: rewards are taken for losses."""

    def estimate(self, loss: Float[Array, ""], prob: Float[Array, ""]) -> Float[Array, ""]:
        return (1 - loss) / (prob + self.bias)


def _as(kind: type[MirrorDescent], build: Callable[..., MirrorDescent]) -> Callable[..., Any]:
    def made(*args: Any) -> Any:
        p = build(*args)
        return kind(p.belief, p.eta, p.bias, p.power, p.potential, p.full)

    return made


def _exp3(arms: int, eta: float) -> MirrorDescent:
    return exp3(arms, eta=eta)


def _exp3_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(1)
    for arms, steps in ((3, 6), (2, 7)):
        eta = math.sqrt(2 * math.log(arms) / (steps * arms))
        policy, paths = algorithm(arms, eta), every_path(arms, steps)
        huge = 10.0 ** rng.uniform(-3, 0, paths.shape)
        loss = rng.random(paths.shape) * (rng.random(paths.shape) < 0.5)
        wild = _table(np.zeros((1, arms)))
        laws, _ = along(policy, wild, paths, rewards=1 - loss, probs=huge)
        guess = np.zeros(laws.shape)
        np.put_along_axis(guess, paths[..., None], (loss / huge)[..., None], -1)
        left = (laws * guess).sum((1, 2)) - guess.sum(1).min(1) - eta / 2 * (laws * guess**2).sum((1, 2))
        for name, table in _tables(arms, steps, rng).items():
            laws, state = along(policy, _table(1 - table), paths)
            chance = chances(laws, paths)
            mine = chance @ table[np.arange(steps), paths].sum(1)
            mean = chance @ np.asarray(state.belief.loss, np.float64)
            off = np.abs((mean - mean[0]) - (table.sum(0) - table.sum(0)[0])).max()
            seen = np.array([left.max(), mine - table.sum(0).min(), off])
            yield Case(f"{arms} arms, {steps} rounds, {name}", (steps, arms), seen)


def _tables(arms: int, steps: int, rng: np.random.Generator) -> dict[str, Rows]:
    best = np.ones((steps, arms))
    best[:, -1] = 0
    return {
        "one arm free of loss": best,
        "switching": np.eye(arms)[np.arange(steps) % arms],
        "chance": rng.random((steps, arms)),
    }


@guarantee(
    "sum <p, l> - L_i <= ln(K)/eta + eta/2 sum p l^2 for any l >= 0; E[regret] <= sqrt(2 T K ln K); estimates unbiased",
    id="exp3",
    family="adversarial",
    latex=r"\max_i\mathbb E\sum_t(\ell_{tA_t} - \ell_{ti}) \le \sqrt{2TK\ln K}",
    cite="auer2002nonstochastic",
    note="proofs_notes/exp3.md",
    bounds=Always(as_array, tolerance=1e-5),
    algorithm=_exp3,
    cases=_exp3_cases,
    mutants={
        "rewards without a shift": _as(_Rewards, _exp3),
        "not divided by the probability": _as(_Unweighted, _exp3),
    },
)
def exp3_regret(steps: int, arms: int) -> np.ndarray:
    r"""Upper bounds with :math:`\eta = \sqrt{2\ln K/(TK)}`: on
    :math:`\max_i\sum\langle p,\hat\ell\rangle - \hat L_i - \frac\eta2\sum p\hat\ell^2` for any estimates of at least
    0; on the expected regret in T = `steps` rounds; and on the bias of differences of estimated losses, which is 0.
    Cite: auer2002nonstochastic.
    """
    eta = math.sqrt(2 * math.log(arms) / (steps * arms))
    return np.array([math.log(arms) / eta, math.sqrt(2 * steps * arms * math.log(arms)), EXACT])


DELTA = 0.05


def hindsight(run: Any) -> np.ndarray:
    """The regret against the best fixed arm in hindsight, `[seeds]`, one column."""
    return np.asarray(run, np.float64)


def _ix_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    rng, arms, steps = np.random.default_rng(2), 3, 1500
    switching = np.where(np.arange(steps)[:, None] < steps // 3, [0.2, 0.5, 0.4], [0.9, 0.6, 0.1])
    clear = np.tile([0.0, 0.9, 0.9], (steps, 1))
    for name, means in {"the best arm switches": switching, "one clearly best arm": clear}.items():
        oracle = _table((rng.random((steps, arms)) >= means) * 1.0)
        policy = algorithm(arms, steps)
        found = study(
            {name: policy}, oracle, jax.random.key(3), horizon=steps, seeds=trials, record=(regret,), block=trials
        )
        yield Case(name, (steps, arms, DELTA), found.data["regret"].values[0].astype(np.float64).sum(1))


def _exp3_ix(arms: int, steps: int) -> MirrorDescent:
    return exp3_ix(arms, horizon=steps)


@guarantee(
    "With probability 0.95 the regret of Exp3-IX <= sqrt(8TK ln(K+1)) + sqrt(TK/(2 ln(K+1))) ln(20) + ln(20(K+1))",
    id="exp3-ix",
    family="adversarial",
    latex=r"\hat R_T \le \sqrt{8TK\ln(K+1)} + \sqrt{\tfrac{TK}{2\ln(K+1)}}\ln\tfrac1\delta + \ln\tfrac{K+1}\delta",
    cite="neu2015explore",
    note="proofs_notes/exp3-ix.md",
    bounds=WithProbability(hindsight, DELTA),
    ceiling=lambda steps, arms, delta: steps,
    algorithm=_exp3_ix,
    cases=_ix_cases,
    mutants={
        "plays uniformly": lambda arms, steps: random(arms),
        "rewards taken for losses": _as(_Confused, _exp3_ix),
    },
    trials=100,
)
def exp3_ix_regret(steps: int, arms: int, delta: float) -> float:
    """The regret against the best arm in hindsight of `steps` rounds, with probability 1 - `delta`.

    Losses in [0, 1], fixed beforehand. Cite: neu2015explore.
    """
    log = math.log(arms + 1)
    size = steps * arms
    return math.sqrt(8 * size * log) + math.sqrt(size / (2 * log)) * math.log(1 / delta) + math.log((arms + 1) / delta)


@record
class _UnweightedAdvice(Exp4):
    """A mutant: experts are charged the loss as it is."""

    def estimate(self, loss: Float[Array, ""], prob: Float[Array, ""]) -> Float[Array, ""]:
        return loss


@record
class _ByExpert(Exp4):
    """A mutant: the loss is divided by the weight of the heaviest expert instead of the item's probability."""

    def update(self, state: Acting, menu: Menu, choice: Choice, outcome: Outcome) -> Acting:
        weight = jax.nn.softmax(-self.eta * state.belief.loss).max()
        return Exp4.update(self, state, menu, choice.replace(prob=weight), outcome)  # type: ignore[attr-defined]


def _exp4_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    rng, arms, steps = np.random.default_rng(4), 3, 5
    sure = np.eye(arms)[rng.integers(0, arms, (steps, 4))].swapaxes(1, 2)
    mixed = rng.dirichlet(np.ones(arms), (steps, 2)).swapaxes(1, 2)
    paths = every_path(arms, steps)
    for how, advice in {"sure of themselves": sure, "that mix": mixed}.items():
        experts = advice.shape[2]
        policy = algorithm(experts, math.sqrt(2 * math.log(experts) / (steps * arms)))
        for name, table in _tables(arms, steps, rng).items():
            laws, state = along(policy, AdviceBandit(jnp.asarray(1 - table), jnp.asarray(advice)), paths)
            chance = chances(laws, paths)
            mean = chance[chance > 0] @ np.asarray(state.belief.loss, np.float64)[chance > 0]
            theirs = np.einsum("tk,tkm->m", table, advice)
            mine = chance @ table[np.arange(steps), paths].sum(1)
            off = np.abs((mean - mean[0]) - (theirs - theirs[0])).max()
            yield Case(f"experts {how}, {name}", (steps, arms, experts), np.array([mine - theirs.min(), off]))


def _exp4(experts: int, eta: float) -> Exp4:
    return exp4(experts, eta=eta)


@guarantee(
    "E[regret] of Exp4 against the best of M experts <= sqrt(2 T K ln M), and what experts are charged is unbiased",
    id="exp4",
    family="adversarial",
    latex=r"\mathbb E R_T \le \sqrt{2TK\ln M}",
    cite="lattimore2020bandit",
    note="proofs_notes/exp4.md",
    bounds=Always(as_array, tolerance=1e-5),
    algorithm=_exp4,
    cases=_exp4_cases,
    mutants={
        "losses not divided": lambda experts, eta: _UnweightedAdvice(exp4(experts).belief, eta),
        "divided by an expert's weight": lambda experts, eta: _ByExpert(exp4(experts).belief, eta),
    },
)
def exp4_regret(steps: int, arms: int, experts: int) -> np.ndarray:
    """Upper bounds on the expected regret against the best of `experts` in `steps` rounds, and on the bias of the
    differences of what they are charged, which is 0. Cite: lattimore2020bandit.
    """
    return np.array([math.sqrt(2 * steps * arms * math.log(experts)), EXACT])


def igw_excess(law: Float[np.ndarray, "K"], guess: Float[np.ndarray, "K"], gamma: float) -> float:
    r"""The largest regret minus :math:`\gamma/4` times squared error that any true rewards can make of a law.

    :math:`\max_{a^\star}\sum_ap_a(\hat y_{a^\star} - \hat y_a) + (1-p_{a^\star})/(\gamma p_{a^\star})`; infinite
    where an item has probability 0. Cite: foster2020beyond.
    """
    with np.errstate(divide="ignore"):
        miss = np.where(law > 0, (1 - law) / (gamma * law), np.inf)
    return float((guess - law @ guess + miss).max())


def _igw_cases(algorithm: Callable[..., Any], trials: int) -> Iterator[Case]:
    rng = np.random.default_rng(5)
    for arms in (1, 2, 5):
        for gamma in (0.5, 20.0):
            policy = algorithm(gamma)
            guesses = [np.zeros(arms), np.arange(arms) * 1e3, *rng.normal(size=(max(trials // 10, 4), arms))]
            weigh = jax.vmap(lambda s, p=policy, k=arms: p.weigh(s, jnp.ones(k, bool)))
            laws = np.asarray(weigh(jnp.asarray(np.array(guesses), jnp.float32)), np.float64)
            told = np.array(guesses, np.float32).astype(np.float64)
            worst = max(igw_excess(laws[i], told[i], gamma) for i in range(len(told)))
            yield Case(f"{arms} arms, gamma {gamma:g}", (arms, gamma), np.array([worst]))


@record
class _SquaredGamma(InverseGap):
    """A mutant: the gap is weighed by gamma squared."""

    def weigh(self, scores: Array, open: Array) -> Array:
        return InverseGap.weigh(self.replace(gamma=self.gamma**2), scores, open)  # type: ignore[attr-defined]


@record
class _RestToTheWorst(InverseGap):
    """A mutant: what is left goes to the worst item."""

    def weigh(self, scores: Array, open: Array) -> Array:
        p = InverseGap.weigh(self, scores, open)
        best, worst = jnp.argmax(scores), jnp.argmin(scores)
        return p.at[best].set(p[worst]).at[worst].set(p[best])


def _weighing(kind: type[InverseGap]) -> Callable[[float], InverseGap]:
    def made(gamma: float) -> InverseGap:
        return kind(square_cb(1).belief, gamma=gamma)

    return made


@guarantee(
    "Under inverse gap weights the regret exceeds gamma/4 times the squared error by at most 2(K - 1)/gamma, always",
    id="squarecb-igw",
    family="adversarial",
    latex=r"\sup_f\sum_ap_a\bigl[f(a^\star)-f(a)-\tfrac\gamma4(\hat y_a-f(a))^2\bigr] \le \frac{2(K-1)}\gamma",
    cite="foster2020beyond",
    note="proofs_notes/squarecb-igw.md",
    bounds=Always(as_array, tolerance=1e-4),
    algorithm=_weighing(InverseGap),
    cases=_igw_cases,
    mutants={"gamma squared": _weighing(_SquaredGamma), "the rest to the worst item": _weighing(_RestToTheWorst)},
)
def squarecb_igw(arms: int, gamma: float) -> float:
    """What the regret of one choice may exceed gamma/4 times its squared error by. Cite: foster2020beyond."""
    return 2 * (arms - 1) / gamma
