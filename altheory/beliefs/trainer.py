"""A network trained inside the loop: any Flax module, any optax optimizer, a fixed number of steps an update."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, UInt

from altheory.beliefs.newton import with_noise
from altheory.beliefs.ring import Ring
from altheory.core import Key, Scalar, record, static
from altheory.core.check import at_least, nonnegative, positive

FLAGS = {"train": True, "training": True, "deterministic": False}
"""Arguments by which a module is told that it is being trained, and their value while it is."""


class Network(NamedTuple):
    """A network as two pure functions, for models that are no Flax modules.

    `init(key, x) -> params` and `apply(params, x) -> outputs`, with x `[n, d]`. Where both take `train`, it says
    whether the network is being trained, and `apply` then gets `rngs`, a dict with the key "dropout".
    """

    init: Callable[..., Any]
    apply: Callable[..., Any]


@record
class Trainer:
    r"""How a network learns: `steps` steps of `optimizer` on the labels held, from where it stood or from the start.

    It minimises :math:`\frac1n\sum_s -\log\tilde p_{y_s}(x_s) + \frac{\lambda}{2n}\|\theta\|^2`, a posterior's negative
    logarithm over n: :math:`\tilde p` has passed through the row's error rate `noise`, :math:`\lambda` = `prior` is a
    precision. With `batch` above 0 a step sees that many labels drawn anew, else all that are held.

    `optimizer` is a function of the learning rate, such as `optax.adam`, and then the rate is a leaf, which may change
    without compiling again; or a finished optax transformation, in which all numbers are structure.
    """

    learning_rate: float | Float[Array, ""]
    prior: float | Float[Array, ""]
    network: Any = static()
    optimizer: Any = static()
    steps: int = static(default=20)
    batch: int = static(default=0)
    warm: bool = static(default=True)

    def start(self, key: Key, dim: int) -> tuple[PyTree, PyTree]:
        """Fresh parameters, and the optimizer's state beside them where training goes on from it."""
        x = jnp.zeros((1, dim), jnp.float32)
        params = self.network.init(key, x, **flags(self.network, training=False))
        return params, self.transformation.init(params) if self.warm else None

    @property
    def transformation(self) -> Any:
        """The optax transformation."""
        return self.optimizer if hasattr(self.optimizer, "update") else self.optimizer(self.learning_rate)

    def outputs(self, params: PyTree, x: Float[Array, "n d"], key: Key | None = None) -> Float[Array, "n C"]:
        """What the network says; with a key, as it does in training, with units dropped by that key."""
        x = x.astype(jnp.float32)
        if key is None or not _flag(self.network):
            return self.network.apply(params, x, **flags(self.network, training=False))
        return self.network.apply(params, x, rngs={"dropout": key}, **flags(self.network, training=True))

    def fit(
        self, params: PyTree, state: PyTree, ring: Ring, weight: Float[Array, "n"], key: Key
    ) -> tuple[PyTree, PyTree]:
        """Train on the labels held, each counted `weight` times."""
        transformation = self.transformation
        state = state if self.warm else transformation.init(params)
        count = jnp.minimum(ring.seen, ring.y.shape[-1])

        def step(i: Array, carry: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
            params, state = carry
            drop_key, batch_key = jax.random.split(jax.random.fold_in(key, i))
            rows = (ring.x, ring.y, ring.noise, weight)
            if self.batch:
                picked = jax.random.randint(batch_key, (self.batch,), 0, jnp.maximum(count, 1))
                rows = jax.tree.map(lambda a: a[picked], rows)
            slope = jax.grad(self.loss)(params, *rows, jnp.maximum(weight.sum(), 1), drop_key)
            move, state = transformation.update(slope, state, params)
            return jax.tree.map(lambda p, m: (p + m).astype(p.dtype), params, move), state

        params, state = jax.lax.fori_loop(0, self.steps, step, (params, state))
        return params, state if self.warm else None

    def loss(
        self, params: PyTree, x: Array, y: Array, noise: Array, weight: Array, total: Array, key: Key | None
    ) -> Float[Array, ""]:
        """What is minimised, on some rows of the ring; `total` is the weight of all that is held."""
        z = jax.nn.log_softmax(self.outputs(params, x, key), -1)
        own = jnp.take_along_axis(z, y[:, None], -1)[:, 0]
        tiny = jnp.finfo(z.dtype).tiny
        seen = jnp.take_along_axis(with_noise(jnp.exp(z), noise[:, None].astype(z.dtype)), y[:, None], -1)[:, 0]
        surprise = -jnp.where(noise > 0, jnp.log(jnp.maximum(seen, tiny)), own)
        weight = weight.astype(z.dtype)
        size = sum((p**2).sum() for p in jax.tree.leaves(params))
        fit = jnp.where(weight > 0, weight * surprise, 0).sum() / jnp.maximum(weight.sum(), 1)
        return fit + 0.5 * jnp.asarray(self.prior, z.dtype) * size / total.astype(z.dtype)


def trainer(
    name: str,
    network: Any,
    *,
    dim: int,
    outputs: int | None,
    optimizer: Any,
    learning_rate: Scalar,
    prior: Scalar,
    steps: int,
    batch: int | None,
    warm: bool,
) -> Trainer:
    """A `Trainer` whose network and optimizer were tried on shapes; raises one sentence where they do not fit."""
    at_least(f"{name} steps", steps, 0)
    at_least(f"{name} batch", 0 if batch is None else batch, 0 if batch is None else 1)
    positive(f"{name} learning_rate", learning_rate)
    nonnegative(f"{name} prior", prior)
    made = Trainer(learning_rate, prior, network, optimizer or _adam(name), steps, batch or 0, warm)
    try:
        hash((made.network, made.optimizer))
    except TypeError as error:
        raise TypeError(f"{name} network and optimizer must be hashable, with tuples for lists: {error}") from None
    params, _ = jax.eval_shape(lambda k: made.start(k, dim), jax.random.key(0))
    others = sorted(set(params) - {"params"}) if isinstance(params, Mapping) and "params" in params else []
    if others:
        raise ValueError(
            f"{name} network must keep nothing but parameters; it also keeps {', '.join(others)}, which a pure update "
            "can't change: use LayerNorm or GroupNorm instead of BatchNorm"
        )
    said = jax.eval_shape(made.outputs, params, jax.ShapeDtypeStruct((2, dim), jnp.float32)).shape
    if len(said) != 2 or said[0] != 2 or (outputs is not None and said[1] != outputs):
        want = "features" if outputs is None else f"{outputs} logits"
        raise ValueError(f"{name} network must map [n, {dim}] to [n, {want}]; from [2, {dim}] it made {list(said)}")
    return made


def start_key(data: UInt[Array, "..."]) -> Key:
    """The key of a belief's starting point, from the key data that the belief holds."""
    return jax.random.fold_in(jax.random.wrap_key_data(data), 0)


def key_of_label(data: UInt[Array, "..."], ring: Ring) -> Key:
    """The key of the next label's update."""
    return jax.random.fold_in(jax.random.wrap_key_data(data), ring.seen + 1)


def flags(network: Any, *, training: bool) -> dict[str, bool]:
    """The argument that tells a network whether it is being trained, where it takes one."""
    name = _flag(network)
    return {name: FLAGS[name] == training} if name else {}


def _flag(network: Any) -> str | None:
    told = inspect.signature(network if callable(network) else network.apply).parameters
    return next((name for name in told if name in FLAGS), None)


def _adam(name: str) -> Any:
    try:
        import optax
    except ImportError:
        raise ImportError(f"{name} trains with optax: pip install 'altheory[nets]', or give an optimizer") from None
    return optax.adam
