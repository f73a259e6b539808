"""Bootstrap committees: copies of any belief, each of which has seen every outcome a random number of times."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt

from altheory.beliefs.ensemble import deal, for_two
from altheory.beliefs.newton import with_noise
from altheory.core import Key, Menu, record, static
from altheory.core.check import at_least
from altheory.core.random import poisson_one


@record
class _Copies:
    """`size` copies of a belief, stacked; each is shown an outcome a Poisson(1) number of times."""

    belief: Any
    key: UInt[Array, "..."]
    seen: Int[Array, ""]
    size: int = static(default=8)

    def init(self, key: Key) -> "_Copies":
        belief = self.belief
        if hasattr(belief, "init"):
            belief = jax.vmap(lambda b, k: b.init(k))(belief, jax.random.split(jax.random.fold_in(key, 0), self.size))
        return _Copies(belief, jax.random.key_data(key), self.seen, self.size)

    def update(self, row: Menu, y: Any) -> "_Copies":
        key = jax.random.fold_in(jax.random.wrap_key_data(self.key), self.seen + 1)
        counts = poisson_one(key, (self.size,))

        def again(i: Array, belief: Any) -> Any:
            each = jax.vmap(lambda b, n: b.update(Menu(row.x, row.price, row.noise, row.open & (i < n)), y))
            return each(belief, counts)

        belief = jax.lax.fori_loop(0, jnp.where(row.open, counts.max(), 0), again, self.belief)
        return _Copies(belief, self.key, jnp.where(row.open, self.seen + 1, self.seen), self.size)

    @property
    def first(self) -> Any:
        """One copy, alone."""
        return jax.tree.map(lambda a: a[0], self.belief)

    def ask(self, what: str, *given: Any) -> Array:
        """One capability of every copy, stacked."""
        return jax.vmap(lambda b: getattr(b, what)(*given))(self.belief)


@record
class ClassCommittee:
    """A committee of classifiers, any belief with `probs`, that differ by the bootstrap alone.

    Every member counts each label a Poisson(1) number of times, drawn as the label comes: online bagging. `init` draws
    the counts of a run. Time of an update: the members' updates, three to five times over. Memory: the members'.
    Cite: oza2001online, breiman1996bagging.
    """

    copies: _Copies

    @property
    def members(self) -> int:
        """How many there are."""
        return self.copies.size

    @property
    def classes(self) -> int:
        """The number of classes."""
        return self.copies.first.classes

    @property
    def dim(self) -> int:
        """The number of features, where the members have one."""
        return self.copies.first.dim

    def init(self, key: Key) -> "ClassCommittee":
        """The same committee before any label, with a bootstrap drawn by `key`."""
        return ClassCommittee(self.copies.init(key))

    def update(self, row: Menu, y: Any) -> "ClassCommittee":
        return ClassCommittee(self.copies.update(row, y))

    def probs(self, menu: Menu) -> Float[Array, "K C"]:
        """The members' average class probabilities."""
        return self.copies.ask("probs", menu).mean(0)

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        """The members' average P(class 1); two classes only."""
        for_two("ClassCommittee.mean", self.classes)
        return self.probs(menu)[:, 1]

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        """P(class 1) of one member drawn at random; two classes only."""
        for_two("ClassCommittee.sample", self.classes)
        return self.copies.ask("probs", menu)[jax.random.randint(key, (), 0, self.members), :, 1]

    def predictive(self, menu: Menu, key: Key, draws: int) -> Float[Array, "draws K C"]:
        """The *observed* label's law for each of `draws` members, dealt in random order, past the row's error rate."""
        p = self.copies.ask("probs", menu)[deal(key, self.members, draws)]
        return with_noise(p, menu.noise[:, None])


@record
class ValueCommittee:
    """A committee of regressors, any belief with `mean`, that differ by the bootstrap alone.

    `std` is the members' standard deviation, `sample` one of them. Otherwise as `ClassCommittee`.
    Cite: oza2001online, osband2015bootstrapped.
    """

    copies: _Copies

    @property
    def members(self) -> int:
        """How many there are."""
        return self.copies.size

    @property
    def dim(self) -> int:
        """The number of features, where the members have one."""
        return self.copies.first.dim

    @property
    def arms(self) -> int:
        """The number of arms, where the members have one."""
        return self.copies.first.arms

    def init(self, key: Key) -> "ValueCommittee":
        """The same committee before any outcome, with a bootstrap drawn by `key`."""
        return ValueCommittee(self.copies.init(key))

    def update(self, row: Menu, y: Any) -> "ValueCommittee":
        return ValueCommittee(self.copies.update(row, y))

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        """The members' average mean."""
        return self.copies.ask("mean", menu).mean(0)

    def std(self, menu: Menu) -> Float[Array, "K"]:
        """The standard deviation between the members' means; 0 before they differ."""
        return self.copies.ask("mean", menu).std(0)

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        """The mean of one member drawn at random."""
        return self.copies.ask("mean", menu)[jax.random.randint(key, (), 0, self.members)]


def bootstrap(belief: Any, *, members: int = 8, seed: int = 0) -> ClassCommittee | ValueCommittee:
    """A committee of `members` copies of a belief: of classifiers where it has `probs`, else of regressors.

    `seed` draws the bootstrap until a run draws its own. Raises `ValueError` where `members` is below 2, `TypeError`
    where the belief has neither `probs` nor `mean`.
    """
    at_least("bootstrap members", members, 2)
    if not (hasattr(belief, "probs") or hasattr(belief, "mean")):
        raise TypeError(f"bootstrap needs a belief with `probs` or `mean`; {type(belief).__name__} has neither")
    stack = jax.tree.map(lambda a: jnp.broadcast_to(a, (members, *jnp.shape(a))), belief)
    copies = _Copies(stack, jax.random.key_data(jax.random.key(seed)), jnp.zeros((), jnp.int32), members)
    if hasattr(belief, "init"):
        copies = copies.init(jax.random.key(seed))
    return ClassCommittee(copies) if hasattr(belief, "probs") and hasattr(belief, "classes") else ValueCommittee(copies)
