"""The mode and the draws of a multinomial logistic posterior, in matrix-vector products alone."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from altheory.core import Key, Scalar, record, static
from altheory.core.numerics import dot, einsum, grow_root, shrink_root

Carry = tuple[Array, Array, Array, Array, Array]
Law = tuple[Callable[[Array], Array], Callable[[Array], Array]]

NEWTON_STEPS, NEWTON_TOLERANCE = 12, 1e-2
DRAW_STEPS, DRAW_TOLERANCE, LABEL_TOLERANCE = 64, 1e-2, 3e-2
"""Conjugate gradient steps at most, and the residual they stop at against the right side, in the preconditioner's norm.

A Newton direction need not be exact: the next round goes on from where this one ended. Solving by labels errs less at
3 % than solving by weights at 1 %: the draw of the prior, which it corrects, is exact.
"""


@record
class Data:
    r"""A ring of labels, and the quadratic prior :math:`\langle h, W\rangle - \frac12\mathrm{tr}\,W P W^\top`.

    When the ring is full the oldest label joins the prior as the quadratic with its gradient at the current mode.
    `prior_root`, `prior_inverse` are :math:`R` and :math:`R^{-1}` of :math:`P = RR^\top`; `bound_root` is `S` of
    :math:`SS^\top = (\lambda I + \sum_s b_sx_sx_s^\top)^{-1}` over all labels seen, :math:`b_s` their `one_bend`: the
    inverse of Bohning's bound.
    """

    x: Float[Array, "n d"]
    y: Int[Array, "n"]
    noise: Float[Array, "n"]
    weight: Float[Array, "n"]
    prior_precision: Float[Array, "d d"]
    prior_root: Float[Array, "d d"]
    prior_inverse: Float[Array, "d d"]
    bound_root: Float[Array, "d d"]
    prior_moment: Float[Array, "contrasts d"]
    classes: int = static(default=2)

    @staticmethod
    def empty(dim: int, classes: int, *, prior: Scalar, capacity: int) -> "Data":
        eye = jnp.eye(dim)
        return Data(
            x=jnp.zeros((capacity, dim)),
            y=jnp.zeros(capacity, jnp.int32),
            noise=jnp.zeros(capacity),
            weight=jnp.zeros(capacity),
            prior_precision=prior * eye,
            prior_root=prior**0.5 * eye,
            prior_inverse=prior**-0.5 * eye,
            bound_root=prior**-0.5 * eye,
            prior_moment=jnp.zeros((classes - 1, dim)),
            classes=classes,
        )

    @property
    def contrast(self) -> Float[Array, "contrasts C"]:
        return jnp.asarray(contrasts(self.classes), self.x.dtype)

    def push(self, weights: Array, x: Array, y: Array, noise: Array, live: Bool[Array, ""], seen: Array) -> "Data":
        """Write a label into the ring where `live`; what it displaces is absorbed into the prior."""
        slot = seen % self.x.shape[0]
        old = jax.tree.map(lambda a: a[slot], (self.x, self.y, self.noise, self.weight))
        absorbed = self._absorb(weights, old, live)
        new = (x, jnp.asarray(y, jnp.int32), noise, jnp.ones(()))
        rings = zip(("x", "y", "noise", "weight"), new, old, strict=True)
        return absorbed.replace(  # type: ignore[attr-defined]
            bound_root=shrink_root(self.bound_root, x, jnp.where(live, one_bend(noise, self.classes), 0))[0],
            **{k: getattr(self, k).at[slot].set(jnp.where(live, n, o).astype(o.dtype)) for k, n, o in rings},
        )

    def _absorb(self, weights: Array, old: tuple[Array, ...], live: Array) -> "Data":
        x, y, noise, weight = old
        weight = jnp.where(live, weight, 0)
        z = dot(weights, x)
        p = jax.nn.softmax(dot(z, self.contrast))
        pull = weight * dot(self.contrast, responsibility(p, y, noise) - p)
        bend = weight * jnp.einsum("jc,jc->", dot(self.contrast, fisher(p, noise)), self.contrast) / z.shape[0]
        root, inverse = grow_root(self.prior_root, self.prior_inverse, x, bend)
        return self.replace(  # type: ignore[attr-defined]
            prior_precision=self.prior_precision + bend * jnp.outer(x, x),
            prior_root=root,
            prior_inverse=inverse,
            prior_moment=self.prior_moment + jnp.outer(pull + bend * z, x),
        )


def contrasts(classes: int) -> np.ndarray:
    r"""`[C-1, C]` Helmert contrasts over :math:`\sqrt2`: :math:`BB^\top = I/2`, :math:`B1 = 0`."""
    rows = [np.r_[-np.ones(k), k, np.zeros(classes - k - 1)] / np.sqrt(k * (k + 1)) for k in range(1, classes)]
    return np.array(rows) / np.sqrt(2)


def one_bend(noise: Array, classes: int) -> Array:
    r"""The most that a label bends the log posterior along a contrast, :math:`\frac14(1 - \frac{C\epsilon}{C-1})_+`.

    A quarter bounds the Hessian of a right label (Bohning). A label of error rate :math:`\epsilon` tells no more than
    one that is right with that probability and else says nothing, of which it is a garbling.
    """
    return 0.25 * jnp.maximum(1 - noise * classes / (classes - 1), 0)


def with_noise(p: Float[Array, "... C"], noise: Array) -> Float[Array, "... C"]:
    r"""The observed label's distribution, :math:`(1-\epsilon)p_c + \frac{\epsilon}{C-1}(1-p_c)`."""
    return p + noise * ((1 - p) / (p.shape[-1] - 1) - p)


def responsibility(p: Float[Array, "... C"], y: Array, noise: Array) -> Float[Array, "... C"]:
    """The true class's posterior given an observed label, for class probabilities `p`."""
    hit = jax.nn.one_hot(y, p.shape[-1], dtype=p.dtype)
    noise = jnp.asarray(noise)[..., None]
    joint = p * with_noise(hit, noise)
    total = joint.sum(-1, keepdims=True)
    return jnp.where(total > 0, joint / jnp.where(total > 0, total, 1), hit)


def root_fisher(p: Float[Array, "C n"], noise: Array) -> Law:
    r"""`e -> R e` and `u -> R' u` per label (columns), :math:`RR^\top = ST\,\mathrm{diag}(\tilde p)^{-1}\,T^\top S`.

    That is the Fisher information of the noisy label about the logits: :math:`S = \mathrm{diag}\,p - pp^\top`, `T` the
    noise channel, :math:`\tilde p` the observed label's law. Without noise it is `S`, the Hessian itself.
    """
    classes = p.shape[-2]
    clarity = 1 - noise * classes / (classes - 1)
    seen = p + noise * ((1 - p) / (classes - 1) - p)
    scale = clarity / jnp.sqrt(jnp.maximum(seen, jnp.finfo(p.dtype).tiny))

    def centre(u: Array) -> Array:
        return p * (u - einsum("cn,...cn->...n", p, u)[..., None, :])

    return lambda e: centre(scale * e), lambda u: scale * centre(u)


def fisher(p: Float[Array, "C"], noise: Array) -> Float[Array, "C C"]:
    """The Fisher information matrix of one noisy label about the logits."""
    rows = root_fisher(jnp.tile(p[:, None], p.shape[0]), noise)[0](jnp.eye(p.shape[0], dtype=p.dtype))
    return dot(rows, rows.T)


def log_posterior(z: Float[Array, "n contrasts"], weights: Array, data: Data) -> Array:
    """Log density at linear predictors `z = X W'`, up to a constant."""
    p = jax.nn.softmax(dot(z, data.contrast), -1)
    seen = jnp.take_along_axis(with_noise(p, data.noise[:, None]), data.y[:, None], -1)[:, 0]
    fit = (data.weight * jnp.log(jnp.maximum(seen, jnp.finfo(p.dtype).tiny))).sum()
    return fit + (data.prior_moment * weights).sum() - 0.5 * (dot(weights, data.prior_precision) * weights).sum()


def newton_step(weights: Array, data: Data) -> Array:
    r"""One damped Newton step by preconditioned conjugate gradients.

    The direction solves with :math:`\sum_i S_i \otimes x_ix_i^\top + P` (with noise, the complete-data curvature).
    Of the full step, its half and quarter, and the step that Bohning's bound
    :math:`S \preceq \frac12(I - 11^\top/C)` makes safe, the best is taken, and none where none improves: the log
    density never falls.
    """
    z = dot(data.x, weights.T)
    p = jax.nn.softmax(dot(z, data.contrast), -1)
    pull = dot((responsibility(p, data.y, data.noise) - p) * data.weight[:, None], data.contrast.T)
    gradient = dot(pull.T, data.x) + data.prior_moment - dot(weights, data.prior_precision)

    def curvature(v: Array) -> Array:
        u = p * dot(dot(data.x, v.T), data.contrast)
        u = dot((u - p * u.sum(-1, keepdims=True)) * data.weight[:, None], data.contrast.T)
        return dot(u.T, data.x) + dot(v, data.prior_precision)

    inverse = dot(data.bound_root, data.bound_root.T)
    step = solve(curvature, lambda r: dot(r, inverse), gradient, steps=NEWTON_STEPS, tolerance=NEWTON_TOLERANCE)
    move = dot(data.x, step.T)
    ceiling = 0.25 * (data.weight * (move**2).sum(-1)).sum() + (dot(step, data.prior_precision) * step).sum()
    safe = (gradient * step).sum() / jnp.maximum(ceiling, jnp.finfo(z.dtype).tiny)
    sizes = jnp.stack([jnp.zeros_like(safe), safe, *(jnp.full_like(safe, s) for s in (0.25, 0.5, 1.0))])
    heights = jax.vmap(lambda s: log_posterior(z + s * move, weights + s * step, data))(sizes)
    return weights + sizes[jnp.argmax(jnp.where(jnp.isnan(heights), -jnp.inf, heights))] * step


def draws_of(weights: Array, data: Data, key: Key, draws: int) -> Float[Array, "draws contrasts d"]:
    r"""Draws from :math:`N(\hat W, H^{-1})`, :math:`H` the Fisher information at the mode plus the prior precision.

    With the labels' information :math:`R_iR_i^\top` each solves a system of weights, or, where labels are fewer than
    features, one of labels; no matrix over all weights is formed. Memory: draws x (n C + C d) + the smaller of n^2 and
    d^2. Cite: papandreou2010gaussian.
    """
    logits = dot(data.contrast.T, dot(weights, data.x.T))
    law = root_fisher(jax.nn.softmax(logits, 0), data.noise)
    e_key, z_key = jax.random.split(key)
    e = jax.random.normal(e_key, (draws, *logits.shape), logits.dtype)
    z = jax.random.normal(z_key, (draws, *weights.shape), logits.dtype)
    few = data.x.shape[0] <= data.x.shape[1]
    return weights + (_draws_by_labels if few else _draws_by_weights)(data, law, e, z)


def variational_draws(weights: Array, data: Data, key: Key, draws: int) -> Float[Array, "draws contrasts d"]:
    r"""Draws from :math:`N(\hat W, I\otimes SS^\top)`, the Gaussian that maximises Bohning's evidence lower bound.

    The bound is quadratic about a point, and best at the mean; the mean that is a fixed point is the mode. Memory:
    twice draws x (C - 1) d. Cite: bohning1992multinomial, khan2010variational.
    """
    z = jax.random.normal(key, (draws, *weights.shape), weights.dtype)
    return weights + dot(z, data.bound_root.T)


def _draws_by_weights(data: Data, law: Law, e: Array, z: Array) -> Float[Array, "draws contrasts d"]:
    r"""Solve :math:`H v = \sum_i R_ie_i \otimes x_i + P^{1/2}z`, whose right side has covariance `H`."""
    root, transpose = law

    def gather(u: Float[Array, "s C n"]) -> Float[Array, "s contrasts d"]:
        return dot(einsum("scn,jc->sjn", u, data.contrast), data.x)

    def curvature(v: Array) -> Array:
        u = transpose(einsum("sjn,jc->scn", dot(v, data.x.T), data.contrast))
        return gather(root(u) * data.weight) + dot(v, data.prior_precision)

    b = gather(root(e) * jnp.sqrt(data.weight)) + dot(z, data.prior_root.T)
    inverse = dot(data.bound_root, data.bound_root.T)
    return solve(curvature, lambda r: dot(r, inverse), b, steps=DRAW_STEPS, tolerance=DRAW_TOLERANCE)


def _draws_by_labels(data: Data, law: Law, e: Array, z: Array) -> Float[Array, "draws contrasts d"]:
    r"""A draw :math:`v_0` of the prior less :math:`P^{-1}G^\top(I + GP^{-1}G^\top)^{-1}(Gv_0 + e)`.

    `G` maps weights to labels, :math:`(Gv)_i = R_i^\top B^\top vx_i`. As the columns of :math:`R_i` sum to zero,
    :math:`B^\top B` acts on them as one half, and :math:`GP^{-1}G^\top` needs only the labels' Gram matrix under the
    prior. A label that is certain leaves its rows at the identity: the system needs no preconditioner.
    """
    root, transpose = law
    size = jnp.sqrt(data.weight)
    x = dot(data.x, data.prior_inverse.T)
    gram = 0.5 * dot(x, x.T)

    def apply(u: Float[Array, "s C n"]) -> Float[Array, "s C n"]:
        return u + size * transpose(dot(size * root(u), gram))

    start = dot(z, data.prior_inverse)
    b = size * transpose(einsum("sjn,jc->scn", dot(start, data.x.T), data.contrast)) + jnp.where(size > 0, e, 0)
    u = solve(apply, lambda r: r, b, steps=DRAW_STEPS, tolerance=LABEL_TOLERANCE)
    pulled = dot(einsum("scn,jc->sjn", size * root(u), data.contrast), x)
    return start - dot(pulled, data.prior_inverse)


def solve(
    apply: Callable[[Array], Array],
    precondition: Callable[[Array], Array],
    b: Float[Array, "... rows columns"],
    *,
    steps: int,
    tolerance: float,
) -> Float[Array, "... rows columns"]:
    """Preconditioned conjugate gradients for `A v = b` over the last two axes."""
    tiny = jnp.finfo(b.dtype).tiny

    def dots(a: Array, c: Array) -> Array:
        return (a * c).sum((-2, -1), keepdims=True)

    def body(carry: Carry) -> Carry:
        k, v, r, direction, rz = carry
        image = apply(direction)
        size = rz / jnp.maximum(dots(direction, image), tiny)
        v, r = v + size * direction, r - size * image
        z = precondition(r)
        new = dots(r, z)
        return k + 1, v, r, z + new / jnp.maximum(rz, tiny) * direction, new

    z = precondition(b)
    start = dots(b, z)

    def going(carry: Carry) -> Array:
        return (carry[0] < steps) & (carry[-1] > tolerance**2 * start).any()

    return jax.lax.while_loop(going, body, (jnp.zeros((), jnp.int32), jnp.zeros_like(b), b, z, start))[1]
