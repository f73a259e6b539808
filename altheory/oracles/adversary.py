"""Bandits that nobody promised to be stochastic: tables of rewards, adversaries that watch, means that move or rise."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Choice, Key, Menu, Outcome, leaf, record, static
from altheory.core.arrays import singles
from altheory.core.check import at_least, matrix, nonnegative, one_of, within
from altheory.core.numerics import einsum
from altheory.oracles.bandit import _arms, _cost

Habit = Literal["leader", "favourite"]


def _told(rewards: Float[Array, "K"], choice: Choice, *, full: bool) -> Float[Array, "*q"]:
    """The reward of what was chosen, or the whole row."""
    if not full:
        return rewards[choice.item]
    return jnp.broadcast_to(rewards, (*choice.item.shape, *rewards.shape))


def _mask(x: Any) -> Array | None:
    return None if x is None else jnp.asarray(x, bool)


@record
class AdversarialBandit:
    """Rewards in [0, 1] from a table `[T, K]`, fixed beforehand: row t is round t's; every pull costs 1.

    With `full` information the outcome is the whole row. Regret is against the arm of the largest sum over the
    table. Past its end the table starts anew. `open` `[T, K]`, where given, says which arms a round offers.
    """

    reward_range = (0.0, 1.0)
    costs_at_most_price = True

    rewards: Float[Array, "T K"] = leaf(converter=singles)
    open: Bool[Array, "T K"] | None = leaf(
        default=None, converter=lambda x: None if x is None else jnp.asarray(x, bool)
    )
    full: bool = static(default=False)

    def __check__(self) -> None:
        matrix("AdversarialBandit rewards", self.rewards)
        within("AdversarialBandit rewards", self.rewards, 0, 1)
        if self.open is not None and self.open.shape != self.rewards.shape:
            raise ValueError(
                f"AdversarialBandit open must have the rewards' shape, {self.rewards.shape}; it is {self.open.shape}"
            )

    def init(self, key: Key) -> Int[Array, ""]:
        return jnp.int32(0)

    def offer(self, world: Int[Array, ""]) -> Menu:
        menu = _arms(self.rewards.shape[1])
        return menu if self.open is None else menu.closing(~self.open[world % self.rewards.shape[0]])

    def answer(self, world: Int[Array, ""], choice: Choice, key: Key) -> tuple[Array, Outcome]:
        return world + 1, Outcome(_told(self.value(world), choice, full=self.full), _cost(choice))

    def value(self, world: Int[Array, ""]) -> Float[Array, "K"]:
        return self.rewards[world % self.rewards.shape[0]]

    def benchmark(self, world: Int[Array, ""]) -> Float[Array, ""]:
        """This round's reward of the best fixed arm."""
        return self.value(world)[jnp.argmax(self.rewards.sum(0))]


@record
class AdaptiveAdversary:
    """An adversary that knows all choices so far: one arm earns 0 this round, the others 1; every pull costs 1.

    Its `habit` is to hit the "leader", the arm that earned most so far, or the "favourite", the arm chosen most.
    Ties are broken by the lowest number. With `full` information the outcome is the whole row.
    """

    reward_range = (0.0, 1.0)
    costs_at_most_price = True

    arms: int = static()
    habit: Habit = static(default="leader")
    full: bool = static(default=False)

    def __check__(self) -> None:
        at_least("AdaptiveAdversary arms", self.arms, 1)
        one_of("AdaptiveAdversary habit", self.habit, ("leader", "favourite"))

    def init(self, key: Key) -> Float[Array, "K"]:
        """What each arm earned so far, or how often it was chosen."""
        return jnp.zeros(self.arms)

    def offer(self, world: Float[Array, "K"]) -> Menu:
        return _arms(self.arms)

    def answer(self, world: Float[Array, "K"], choice: Choice, key: Key) -> tuple[Array, Outcome]:
        rewards = self.value(world)
        chosen = jnp.zeros(self.arms).at[choice.item].add(choice.valid.astype(world.dtype))
        after = world + (rewards if self.habit == "leader" else chosen)
        return after - after.min(), Outcome(_told(rewards, choice, full=self.full), _cost(choice))

    def value(self, world: Float[Array, "K"]) -> Float[Array, "K"]:
        return 1 - jax.nn.one_hot(jnp.argmax(world), self.arms)


@record
class PiecewiseBandit:
    """Bernoulli arms whose means `[segments, K]` change after each of the rounds `breaks` `[segments - 1]`."""

    reward_range = (0.0, 1.0)
    costs_at_most_price = True

    means: Float[Array, "segments K"] = leaf(converter=singles)
    breaks: Int[Array, "changes"] = leaf(default=(), converter=lambda x: jnp.asarray(x, jnp.int32))

    def __check__(self) -> None:
        matrix("PiecewiseBandit means", self.means)
        within("PiecewiseBandit means", self.means, 0, 1)
        breaks = np.asarray(self.breaks)
        if breaks.shape != (self.means.shape[0] - 1,) or (np.diff(breaks) <= 0).any() or (breaks < 1).any():
            raise ValueError(
                f"PiecewiseBandit breaks must be rising rounds from 1, one fewer than the {self.means.shape[0]} rows "
                f"of means; they are {breaks.tolist()}"
            )

    def init(self, key: Key) -> Int[Array, ""]:
        """How many rounds are over."""
        return jnp.int32(0)

    def offer(self, world: Int[Array, ""]) -> Menu:
        return _arms(self.means.shape[1])

    def answer(self, world: Int[Array, ""], choice: Choice, key: Key) -> tuple[Array, Outcome]:
        y = jax.random.uniform(key, choice.item.shape) < self.value(world)[choice.item]
        return world + 1, Outcome(y.astype(jnp.float32), _cost(choice))

    def value(self, world: Int[Array, ""]) -> Float[Array, "K"]:
        return self.means[(world >= self.breaks).sum()]


@record
class DriftingBandit:
    """Bernoulli arms whose means start uniform and walk by normal steps of deviation `step`, reflected at 0 and 1."""

    reward_range = (0.0, 1.0)
    costs_at_most_price = True

    arms: int = static()
    step: Float[Array, ""] | float = 0.01

    def __check__(self) -> None:
        at_least("DriftingBandit arms", self.arms, 1)
        nonnegative("DriftingBandit step", self.step)
        within("DriftingBandit step", self.step, 0, 1)

    def init(self, key: Key) -> Float[Array, "K"]:
        return jax.random.uniform(key, (self.arms,))

    def offer(self, world: Float[Array, "K"]) -> Menu:
        return _arms(self.arms)

    def answer(self, world: Float[Array, "K"], choice: Choice, key: Key) -> tuple[Array, Outcome]:
        pay_key, walk_key = jax.random.split(key)
        y = jax.random.uniform(pay_key, choice.item.shape) < world[choice.item]
        moved = jnp.abs(world + self.step * jax.random.normal(walk_key, world.shape))
        folded = jnp.mod(moved, 2.0)
        return jnp.minimum(folded, 2 - folded), Outcome(y.astype(jnp.float32), _cost(choice))

    def value(self, world: Float[Array, "K"]) -> Float[Array, "K"]:
        return world


@record
class RisingBandit:
    r"""Rested arms that change as they are played: the n-th pull of arm k pays `curves[n - 1, k]`
    and normal noise of deviation `sd`.

    Regret is against the arm of the largest sum over the table of T rows, played from the first round on: for curves
    that never fall that is the best policy for T rounds. After T pulls an arm stays at its last value.
    Cite: heidari2016tight.
    """

    costs_at_most_price = True

    curves: Float[Array, "T K"] = leaf(converter=singles)
    sd: Float[Array, ""] | float = 0.0

    def __check__(self) -> None:
        matrix("RisingBandit curves", self.curves)
        nonnegative("RisingBandit sd", self.sd)

    @property
    def reward_range(self) -> tuple[Any, Any]:
        """Where rewards lie: the curves' range, or any number where there is noise."""
        wide = jnp.where(jnp.asarray(self.sd) > 0, jnp.inf, 0.0)
        return self.curves.min() - wide, self.curves.max() + wide

    @property
    def reward_scale(self) -> Array:
        """The standard deviation of a reward."""
        return jnp.asarray(self.sd)

    def init(self, key: Key) -> tuple[Array, Array]:
        """How many rounds are over, and how often each arm was played."""
        return jnp.int32(0), jnp.zeros(self.curves.shape[1], jnp.int32)

    def offer(self, world: tuple[Array, Array]) -> Menu:
        return _arms(self.curves.shape[1], self.sd)

    def answer(self, world: tuple[Array, Array], choice: Choice, key: Key) -> tuple[tuple[Array, Array], Outcome]:
        y = self.value(world)[choice.item] + self.sd * jax.random.normal(key, choice.item.shape)
        pulls = world[1].at[choice.item].add(choice.valid.astype(world[1].dtype))
        return (world[0] + 1, pulls), Outcome(y, _cost(choice))

    def value(self, world: tuple[Array, Array]) -> Float[Array, "K"]:
        last = self.curves.shape[0] - 1
        return self.curves[jnp.minimum(world[1], last), jnp.arange(self.curves.shape[1])]

    def benchmark(self, world: tuple[Array, Array]) -> Float[Array, ""]:
        """What the best arm would pay by now, had it been played in every round."""
        last = self.curves.shape[0] - 1
        return self.curves[jnp.minimum(world[0], last), jnp.argmax(self.curves.sum(0))]


@record
class AdviceBandit:
    """A table of rewards in [0, 1] `[T, K]` and of experts' advice `[T, K, M]`: column m is the law expert m advises.

    The menu's features are the round's advice. Regret is against the expert of the largest expected sum over the
    table; past its end the table starts anew.
    """

    reward_range = (0.0, 1.0)
    costs_at_most_price = True

    rewards: Float[Array, "T K"] = leaf(converter=singles)
    advice: Float[Array, "T K M"] = leaf(converter=singles)

    def __check__(self) -> None:
        matrix("AdviceBandit rewards", self.rewards)
        within("AdviceBandit rewards", self.rewards, 0, 1)
        within("AdviceBandit advice", self.advice, 0, 1)
        if self.advice.ndim != 3 or self.advice.shape[:2] != self.rewards.shape:
            raise ValueError(
                f"AdviceBandit advice must be [T, K, M] for rewards {self.rewards.shape}; it is {self.advice.shape}"
            )
        sums = np.asarray(self.advice.sum(1), np.float64)
        if np.abs(sums - 1).max() > 1e-4:
            worst = sums.flat[np.abs(sums - 1).argmax()]
            raise ValueError(f"AdviceBandit advice must be laws over items; one sums to {worst:g}")

    def init(self, key: Key) -> Int[Array, ""]:
        return jnp.int32(0)

    def offer(self, world: Int[Array, ""]) -> Menu:
        return _arms(self.rewards.shape[1]).replace(x=self.advice[world % self.rewards.shape[0]])  # type: ignore[attr-defined]

    def answer(self, world: Int[Array, ""], choice: Choice, key: Key) -> tuple[Array, Outcome]:
        return world + 1, Outcome(self.value(world)[choice.item], _cost(choice))

    def value(self, world: Int[Array, ""]) -> Float[Array, "K"]:
        return self.rewards[world % self.rewards.shape[0]]

    def benchmark(self, world: Int[Array, ""]) -> Float[Array, ""]:
        """This round's expected reward of the best expert."""
        best = jnp.argmax(einsum("tk,tkm->m", self.rewards, self.advice))
        return (self.value(world) * self.advice[world % self.rewards.shape[0], :, best]).sum()
