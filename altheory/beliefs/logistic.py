"""Multinomial logistic regression with a Gaussian posterior, refitted every round from where the last one ended."""

from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from altheory.beliefs.newton import Data, contrasts, draws_of, newton_step, one_bend, variational_draws, with_noise
from altheory.core import Key, Menu, Scalar, features, per_item, record, static
from altheory.core.check import at_least, positive
from altheory.core.numerics import dot, einsum

Posterior = Literal["laplace", "variational"]


@record
class Logistic:
    r"""Weights `W` `[C-1, d]`, class logits :math:`B^\top W x`, prior :math:`W \sim N(0, \lambda^{-1} I)`.

    The rows of `B` are orthonormal contrasts over :math:`\sqrt2`, so every pairwise log-odds is
    :math:`N(0, \|x\|^2/\lambda)` a priori, no class is a reference, and two classes give ordinary logistic regression
    with one weight vector.
    The last `capacity` labels are held exactly; an older one lives on in the prior as its quadratic expansion.
    A label's likelihood passes through its row's error rate `noise` (the wrong classes equally likely).

    `posterior` is the law of the draws, Gaussian about the mode :math:`\hat W`. Its precision is *laplace*: the Fisher
    information there plus the prior's; *variational*: Bohning's upper bound of that, the same for every contrast,
    :math:`H = \lambda I + \frac14\sum_s(1 - \frac{C\epsilon_s}{C-1})x_sx_s^\top`, which maximises the lower bound of
    the evidence that goes with it. After few labels many a Laplace draw contradicts one, and what should be settled
    still looks uncertain: BALD then spends labels beside labels. Variational draws do not, and cost one product.

    `gain` is :math:`\log\det H - \log\det\lambda I`, in nats.

    `update` takes `steps` guarded Newton steps, O(n d C) each and O(d^3) once.
    Memory: capacity x d + d^2. Cite: bohning1992multinomial, mackay1992evidence, khan2010variational.
    """

    weights: Float[Array, "contrasts d"]
    data: Data
    seen: Int[Array, ""]
    classes: int = static(default=2)
    steps: int = static(default=1)
    gain: Float[Array, ""] | float = 0.0
    prior: Float[Array, ""] | float = 1.0
    posterior: Posterior = static(default="laplace")

    @property
    def dim(self) -> int:
        """The number of features."""
        return self.weights.shape[-1]

    def update(self, row: Menu, y: Any) -> "Logistic":
        data = self.data.push(self.weights, features(row.x), y, row.noise, row.open, self.seen)
        weights = self.weights
        for _ in range(self.steps):
            weights = newton_step(weights, data)
        weights = jnp.where(row.open, weights, self.weights)
        spread = (dot(features(row.x), self.data.bound_root) ** 2).sum()
        bend = one_bend(row.noise, self.classes)
        return self.replace(  # type: ignore[attr-defined]
            weights=weights,
            data=data,
            seen=jnp.where(row.open, self.seen + 1, self.seen),
            gain=self.gain + jnp.log1p(jnp.where(row.open, bend, 0) * spread),
        )

    def probs(self, menu: Menu) -> Float[Array, "K C"]:
        """The true class's distribution at the posterior mode, item by item."""
        return per_item(self.classify, menu.x)

    def classify(self, x: Float[Array, "n d"]) -> Float[Array, "n C"]:
        """Class probabilities of feature rows at the posterior mode."""
        return _classify(self.weights, x)

    def mean(self, menu: Menu) -> Float[Array, "K"]:
        """P(class 1) at the posterior mode; two classes only."""
        self._binary("mean")
        return self.probs(menu)[:, 1]

    def sample(self, menu: Menu, key: Key) -> Float[Array, "K"]:
        """P(class 1) under one posterior draw; two classes only."""
        self._binary("sample")
        drawn = self.draws(key, 1)[0]
        return per_item(lambda x: _classify(drawn, x)[:, 1], menu.x)

    def log_odds(self, menu: Menu) -> Float[Array, "K"]:
        r""":math:`x_k^\top\hat\theta`, the log odds of class 1 at the posterior mode; two classes only."""
        self._binary("log_odds")
        return per_item(lambda x: dot(x, self.weights[0]), menu.x)

    def width(self, menu: Menu) -> Float[Array, "K"]:
        r""":math:`\|x_k\|_{H^{-1}}`: at most twice the posterior standard deviation of a row's log odds at odds 1."""
        return per_item(lambda x: jnp.linalg.norm(dot(x, self.data.bound_root), axis=-1), menu.x)

    def radius(self, delta: Scalar, bound: Scalar) -> Float[Array, ""]:
        r"""With probability :math:`1-\delta`, at all times, at least :math:`\|G(\hat\theta) - G(\theta)\|_{H^{-1}}`.

        :math:`\sqrt{2\log(1/\delta) + \log\det H/\lambda^d} + \sqrt\lambda\,S` for :math:`\|\theta\| \le S` = `bound`
        and two classes, where :math:`G(\theta) = \sum_s\mu(x_s^\top\theta)x_s + \lambda\theta` and
        :math:`\hat\theta` is the mode of all labels. Cite: filippi2010parametric, abbasi2011improved.
        """
        return jnp.sqrt(2 * jnp.log(1 / jnp.asarray(delta)) + self.gain) + jnp.sqrt(jnp.asarray(self.prior)) * bound

    def predictive(self, menu: Menu, key: Key, draws: int) -> Float[Array, "draws K C"]:
        """The *observed* label's distribution under `draws` posterior draws: past the row's error rate."""
        drawn = self.draws(key, draws)
        p = per_item(lambda x: _classify(drawn, x), menu.x, axis=1)
        return with_noise(p, menu.noise[:, None])

    def draws(self, key: Key, draws: int) -> Float[Array, "draws contrasts d"]:
        """Posterior draws of the weights."""
        law = variational_draws if self.posterior == "variational" else draws_of
        return law(self.weights, self.data, key, draws)

    def _binary(self, what: str) -> None:
        if self.classes != 2:
            raise TypeError(f"Logistic.{what} is defined for 2 classes; this belief has {self.classes}: use `probs`")


def _classify(weights: Float[Array, "... contrasts d"], x: Float[Array, "n d"]) -> Float[Array, "... n C"]:
    """Class probabilities, computed with the items minor: that order keeps every lane busy."""
    classes = weights.shape[-2] + 1
    each = einsum("...jd,jc->...cd", weights, jnp.asarray(contrasts(classes), x.dtype))
    logits = dot(each.reshape(-1, each.shape[-1]), x.T).reshape(*each.shape[:-1], x.shape[0])
    return jnp.swapaxes(jax.nn.softmax(logits, -2), -1, -2)


def logistic(
    dim: int,
    classes: int = 2,
    *,
    prior: Scalar = 1.0,
    capacity: int = 256,
    steps: int = 1,
    posterior: Posterior = "laplace",
) -> Logistic:
    """A logistic belief in `dim` features; the first argument of a study of labels.

    Raises `ValueError` where a size is below its least, the prior precision is not above 0, or the posterior is of
    neither kind.
    """
    at_least("logistic dim", dim, 1)
    at_least("logistic classes", classes, 2)
    at_least("logistic capacity", capacity, 1)
    at_least("logistic steps", steps, 1)
    positive("logistic prior", prior)
    if posterior not in get_args(Posterior):
        raise ValueError(f"logistic posterior is {posterior!r}: choose one of {', '.join(get_args(Posterior))}")
    data = Data.empty(dim, classes, prior=prior, capacity=capacity)
    none, seen = jnp.zeros((classes - 1, dim)), jnp.zeros((), jnp.int32)
    return Logistic(none, data, seen, classes, steps, jnp.zeros(()), prior, posterior)
