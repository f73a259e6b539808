"""Beliefs on product menus: one for each source (model, labeler, prompt), or one that is told which it is."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from altheory.core import Key, Menu, Rows, features, record, static
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
class Tagged:
    """One belief for all `sources` of a product menu, told which one a row is by a one-hot after its features.

    Where `separate` beliefs share nothing, this one may learn what sources have in common. `inner` takes d + `sources`
    features; a belief of two classes is taught whether an outcome is above 1/2.
    """

    inner: Any
    sources: int = static()

    @property
    def labelers(self) -> int:
        """The number of sources."""
        return self.sources

    def update(self, row: Menu, y: Any) -> "Tagged":
        told = (jnp.asarray(y) > 0.5).astype(jnp.int32) if hasattr(self.inner, "classes") else y
        return self.replace(inner=self.inner.update(self._tagged(row), told))  # type: ignore[attr-defined]

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        return self.inner.mean(self._tagged(menu))

    def std(self, menu: Menu) -> Float[Array, "K"]:
        return self.inner.std(self._tagged(menu))

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        return self.inner.sample(self._tagged(menu), key)

    def taught(self, x: Float[Array, "N d"], y: Float[Array, "N sources"], key: Key) -> "Tagged":
        """The belief taught the outcomes of all sources on N items, in random order; at once, where it can be."""
        order = jax.random.permutation(key, x.shape[0] * self.sources)
        i, source = jnp.divmod(order, self.sources)
        rows = Menu(Rows(x, i, source), jnp.ones(i.shape), jnp.zeros(i.shape), jnp.ones(i.shape, bool))
        if hasattr(self.inner, "taught"):
            known = self.inner.taught(self._tagged(rows).x, (y[i, source] > 0.5).astype(jnp.int32))
            return self.replace(inner=known)  # type: ignore[attr-defined]

        def learn(belief: Any, at: Array) -> tuple[Any, None]:
            return belief.update(rows[at], y[i[at], source[at]]), None

        return jax.jit(lambda belief: jax.lax.scan(learn, belief, jnp.arange(order.shape[0]))[0])(self)

    def _tagged(self, menu: Menu) -> Menu:
        x = features(menu.x)
        one = jax.nn.one_hot(menu.x.source, self.sources, dtype=x.dtype)
        return Menu(jnp.concatenate([x, one], -1), menu.price, menu.noise, menu.open)


def tagged(belief: Any, sources: int) -> Tagged:
    """One belief, of d + `sources` features, for all sources. Raises `ValueError` where there are none."""
    at_least("tagged sources", sources, 1)
    return Tagged(belief, sources)


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
