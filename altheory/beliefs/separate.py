"""One belief for each source of a product menu: models, labelers or prompts that share no parameters."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Key, Menu, features, record
from altheory.core.check import at_least


@record
class Separate:
    """`parts` beliefs in a stack, one for each source: menu row k is asked of, and taught to, that of `x.source[k]`.

    Update: that of one belief. Memory: theirs together.
    """

    parts: Any

    @property
    def labelers(self) -> int:
        """The number of sources."""
        return int(jax.tree.leaves(self.parts)[0].shape[0])

    def update(self, row: Menu, y: Any) -> "Separate":
        source = row.x.source
        part = jax.tree.map(lambda a: a[source], self.parts)
        after = part.update(Menu(features(row.x), row.price, row.noise, row.open), y)
        return self.replace(parts=jax.tree.map(lambda a, new: a.at[source].set(new), self.parts, after))  # type: ignore[attr-defined]

    def taught(self, x: Float[Array, "N d"], y: Float[Array, "N sources"]) -> "Separate":
        """Every belief taught the outcomes of all sources on N items, such as a recorded table's."""

        def one(part: Any, outcomes: Array) -> Any:
            def learn(part: Any, seen: tuple[Array, Array]) -> tuple[Any, None]:
                row = Menu(seen[0], jnp.ones(()), jnp.zeros(()), jnp.bool_(True))
                return part.update(row, seen[1]), None

            return jax.lax.scan(learn, part, (x, outcomes))[0]

        return self.replace(parts=jax.jit(jax.vmap(one, (0, 1)))(self.parts, y))  # type: ignore[attr-defined]

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        return self._each(menu, lambda part, row: part.mean(row))

    def std(self, menu: Menu) -> Float[Array, "K"]:
        return self._each(menu, lambda part, row: part.std(row))

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        """Means under one draw of each belief."""
        keys = jax.random.split(key, self.labelers)
        return self._each(menu, lambda part, row, k: part.sample(row, k), keys)

    def _each(self, menu: Menu, ask: Any, *more: Any) -> Float[Array, "K"]:
        """What each row's own belief says of it."""
        x = features(menu.x)
        rows = Menu(x[:, None], menu.price[:, None], menu.noise[:, None], menu.open[:, None])
        parts = jax.tree.map(lambda a: a[menu.x.source], (self.parts, *more))
        return jax.vmap(lambda row, part, *rest: ask(part, row, *rest)[0])(rows, *parts)


def separate(belief: Any, sources: int) -> Separate:
    """`sources` copies of a belief, which learn apart. Raises `ValueError` where there are none."""
    at_least("separate sources", sources, 1)
    return Separate(jax.tree.map(lambda a: jnp.stack([jnp.asarray(a)] * sources), belief))


@record
class Frozen:
    """A belief that no longer learns: what a model trained beforehand is."""

    inner: Any

    def update(self, row: Menu, y: Any) -> "Frozen":
        return self

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        return self.inner.mean(menu)

    def std(self, menu: Menu) -> Float[Array, "K"]:
        return self.inner.std(menu)

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        return self.inner.sample(menu, key)


def frozen(belief: Any) -> Frozen:
    """A belief of means that keeps what it knows. Raises `TypeError` where there is no `mean` to keep."""
    if not hasattr(belief, "mean"):
        raise TypeError(f"frozen keeps a belief with a mean; {type(belief).__name__} has none")
    return Frozen(belief)
