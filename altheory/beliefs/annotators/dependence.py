"""How far annotators err together, and how many independent ones they are worth."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from altheory.beliefs.annotators.labels import Triples


class Dependence(NamedTuple):
    """Correlation of errors between annotators.

    `correlation [workers, workers]` of the error indicators over the items both labelled, NaN where these are fewer
    than two or one of the two never varies; `shared [workers, workers]`, how many they are; `mean`, the average over
    pairs weighted by these; `effective`, how many independent annotators an item's labels are worth on average.
    """

    correlation: Float[np.ndarray, "workers workers"]
    shared: Int[np.ndarray, "workers workers"]
    mean: float
    effective: float

    def worth(self, judges: float) -> float:
        r"""How many independent annotators `judges` of these are worth, :math:`m/(1+(m-1)\bar\rho)`.

        That is the number whose mean error rate has the same variance over items. It is at most :math:`1/\bar\rho`,
        however many are asked; an average correlation below 0 counts as 0.
        """
        return judges / (1 + (judges - 1) * max(self.mean, 0.0))


def error_dependence(labels: Triples, truth: Any) -> Dependence:
    r"""The correlation between annotators' errors on items of known class.

    `labels [n, 3]` are triples (item, worker, label), one for each item and worker; `truth [items]` the classes,
    negative where unknown. Dawid and Skene's model takes errors to be independent given the class; where they are
    not, its posteriors are too sure. `weight` and `smoothing` of `worth(m) / m` in `dawid_skene` count m labels of an
    item as what they are worth. Memory: items x workers + workers^2. Raises `ValueError` where no two annotators share
    two items. Cite: kish1965survey.
    """
    a, y = np.asarray(labels), np.asarray(truth)
    if a.ndim != 2 or a.shape[1] != 3 or a.dtype.kind not in "iu":
        raise ValueError(f"labels must be [n, 3] triples of whole numbers; their shape is {a.shape}, type {a.dtype}")
    if y.ndim != 1 or int(a[:, 0].max(initial=0)) >= len(y):
        raise ValueError(f"truth must hold one class for each item that labels name; its shape is {y.shape}")
    a = a[y[a[:, 0]] >= 0]
    size = (len(y), int(np.asarray(labels)[:, 1].max(initial=0)) + 1)
    seen, wrong = np.zeros(size), np.zeros(size)
    seen[a[:, 0], a[:, 1]] = 1
    wrong[a[:, 0], a[:, 1]] = a[:, 2] != y[a[:, 0]]
    shared, rate = seen.T @ seen, wrong.T @ seen
    both = np.maximum(shared, 1)
    mean = rate / both
    variance = mean * (1 - mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = ((wrong.T @ wrong) / both - mean * mean.T) / np.sqrt(variance * variance.T)
    ok = (shared >= 2) & (variance > 0) & (variance.T > 0)
    pairs = np.triu(ok, 1)
    if not pairs.any():
        raise ValueError("no two annotators share two items of known class on which both are sometimes wrong")
    average = float(np.average(correlation[pairs], weights=shared[pairs]))
    found = Dependence(np.where(ok, correlation, np.nan), shared.astype(int), average, 0.0)
    each = seen.sum(1)
    return found._replace(effective=float(np.mean([found.worth(m) for m in each[each > 0]])))
