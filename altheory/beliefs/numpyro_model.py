"""Any numpyro model that a person writes, as a belief for a loop in Python: inference anew at each update."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree, UInt

from altheory.beliefs.ensemble import deal, for_two
from altheory.beliefs.newton import with_noise
from altheory.beliefs.ring import Ring
from altheory.beliefs.trainer import key_of_label, start_key
from altheory.core import Key, Menu, features, per_item, record, static
from altheory.core.check import at_least
from altheory.core.record import is_traced


@record
class NumpyroBelief:
    r"""Posterior draws of a numpyro model `model(x [n, d], y [n] or None)`, whose classes are observed at a site `y`.

    An update puts the label into a ring of `capacity` and infers anew, by NUTS or by a Gaussian guide (SVI); the ring's
    size is fixed, so that the model compiles once, and empty slots are masked at the site alone. A label's likelihood
    passes through its row's error rate `noise`, whatever the model. Latent variables are global: none an item.

    Inference runs in Python: use it in a loop of `select` and `update`. Memory: draws x the latent variables.
    Cite: hoffman2014nuts, phan2019composable.
    """

    ring: Ring
    samples: PyTree
    key: UInt[Array, "..."]
    infer: Callable[..., Any] = static()
    answer: Callable[..., Any] = static()
    classes: int = static(default=2)

    @property
    def dim(self) -> int:
        """The number of features."""
        return self.ring.x.shape[-1]

    def update(self, row: Menu, y: Any) -> "NumpyroBelief":
        rows = jax.tree.map(lambda a: jnp.asarray(a)[None], Menu(features(row.x), row.price, row.noise, row.open))
        return self.extend(rows, jnp.atleast_1d(y), rows.open)

    def extend(self, rows: Menu, y: Any, valid: Bool[Array, "q"]) -> "NumpyroBelief":
        """Learn from several rows at once, those that are open and `valid`: one inference for all."""
        if is_traced((rows, y, valid)):
            raise TypeError(
                "NumpyroBelief infers in Python: call `select` and `update` in a loop, where `simulate` and `study` "
                "would compile them"
            )
        ring = self.ring
        for i in range(len(valid)):
            if bool(valid[i]) and bool(rows.open[i]):
                ring = ring.push(rows[i], jnp.asarray(y)[i])
        if int(ring.seen) == int(self.ring.seen):
            return self
        samples = self.infer(key_of_label(self.key, ring), ring.x, ring.y, ring.noise, ring.live)
        return self.replace(ring=ring, samples=samples)  # type: ignore[attr-defined]

    def probs(self, menu: Menu) -> Float[Array, "K C"]:
        """The true class's distribution, averaged over the posterior."""
        return per_item(lambda x: self.answer(self.samples, x).mean(0), menu.x)

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        """P(class 1), averaged over the posterior; two classes only."""
        for_two("NumpyroBelief.mean", self.classes)
        return self.probs(menu)[:, 1]

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        """P(class 1) under one posterior draw; two classes only."""
        for_two("NumpyroBelief.sample", self.classes)
        p = per_item(lambda x: self.answer(self.samples, x), menu.x, axis=1)
        return p[jax.random.randint(key, (), 0, p.shape[0]), :, 1]

    def predictive(self, menu: Menu, key: Key, draws: int) -> Float[Array, "draws K C"]:
        """The *observed* label's law under `draws` posterior draws, in random order: past the row's error rate."""
        p = per_item(lambda x: self.answer(self.samples, x), menu.x, axis=1)
        return with_noise(p[deal(key, p.shape[0], draws)], menu.noise[:, None])


def numpyro_belief(
    model: Callable[..., Any],
    dim: int,
    classes: int = 2,
    *,
    site: str = "y",
    method: str = "nuts",
    draws: int = 200,
    warmup: int = 200,
    steps: int = 1000,
    learning_rate: float = 0.02,
    capacity: int = 64,
    seed: int = 0,
) -> NumpyroBelief:
    """A belief from a numpyro model of labels; before any label it predicts from the model's prior.

    `method` is "nuts" (`warmup` steps, then `draws`), or "svi": a full Gaussian guide trained by `steps` steps of Adam.
    Raises `ValueError` on another method or a size below its least, and `ImportError` where numpyro is not installed.
    """
    for name, value in (("dim", dim), ("draws", draws), ("warmup", warmup), ("steps", steps), ("capacity", capacity)):
        at_least(f"numpyro_belief {name}", value, 1)
    at_least("numpyro_belief classes", classes, 2)
    if method not in ("nuts", "svi"):
        raise ValueError(f'numpyro_belief method must be "nuts" or "svi"; it is {method!r}')
    try:
        from numpyro.infer import Predictive
    except ImportError:
        raise ImportError("numpyro_belief needs numpyro: pip install 'altheory[bayes]'") from None
    told = _told(model, site, classes)
    infer = _nuts(told, warmup, draws) if method == "nuts" else _svi(told, steps, draws, learning_rate)
    data = jax.random.key_data(jax.random.key(seed))
    prior = Predictive(told, num_samples=draws)(start_key(data), *_nothing(dim))
    latent = {name: value for name, value in prior.items() if name != site}
    return NumpyroBelief(Ring.empty(dim, capacity), latent, data, infer, _answer(model, site, classes), classes)


def _nothing(dim: int) -> tuple[Array, None, Array, Array]:
    return jnp.zeros((1, dim)), None, jnp.zeros(1), jnp.zeros(1, bool)


def _law(distribution: Any, classes: int) -> Float[Array, "n C"]:
    """Class probabilities of a site's distribution, whatever its parameters."""
    return jnp.exp(jnp.stack([distribution.log_prob(jnp.asarray(c)) for c in range(classes)], -1))


def _told(model: Callable[..., Any], site: str, classes: int) -> Callable[..., Any]:
    """The model with its labels seen through their error rates, and only where a slot holds one."""
    from numpyro import distributions
    from numpyro.primitives import Messenger

    class Through(Messenger):  # type: ignore[misc]
        def __init__(self, noise: Array, live: Array) -> None:
            self.noise, self.live = noise, live
            super().__init__()

        def process_message(self, msg: dict[str, Any]) -> None:
            if msg["type"] == "sample" and msg["name"] == site:
                p = with_noise(_law(msg["fn"], classes), self.noise[:, None])
                msg["fn"] = distributions.Categorical(probs=p).mask(self.live)

    def told(x: Array, y: Array | None, noise: Array, live: Array) -> None:
        with Through(noise, live):
            model(x, y)

    return told


def _answer(model: Callable[..., Any], site: str, classes: int) -> Callable[..., Any]:
    from numpyro import handlers

    @jax.jit
    def answer(samples: PyTree, x: Float[Array, "K d"]) -> Float[Array, "draws K C"]:
        def one(sample: PyTree) -> Float[Array, "K C"]:
            seeded = handlers.substitute(handlers.seed(model, jax.random.key(0)), sample)
            return _law(handlers.trace(seeded).get_trace(x, None)[site]["fn"], classes)

        return jax.vmap(one)(samples)

    return answer


def _nuts(told: Callable[..., Any], warmup: int, draws: int) -> Callable[..., Any]:
    from numpyro.infer import MCMC, NUTS

    chain = MCMC(NUTS(told), num_warmup=warmup, num_samples=draws, progress_bar=False, jit_model_args=True)

    def infer(key: Key, *rows: Array) -> PyTree:
        chain.run(key, *rows)
        return chain.get_samples()

    return infer


def _svi(told: Callable[..., Any], steps: int, draws: int, learning_rate: float) -> Callable[..., Any]:
    from numpyro.infer import SVI, Trace_ELBO
    from numpyro.infer.autoguide import AutoMultivariateNormal
    from numpyro.optim import Adam

    guide = AutoMultivariateNormal(told)
    svi = SVI(told, guide, Adam(learning_rate), Trace_ELBO())

    @functools.cache
    def train() -> Callable[..., Any]:
        return jax.jit(lambda state, *rows: jax.lax.fori_loop(0, steps, lambda _, s: svi.update(s, *rows)[0], state))

    def infer(key: Key, *rows: Array) -> PyTree:
        start, draw = jax.random.split(key)
        state = train()(svi.init(start, *rows), *rows)
        return guide.sample_posterior(draw, svi.get_params(state), sample_shape=(draws,))

    return infer
