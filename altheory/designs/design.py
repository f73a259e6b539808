"""`Design`: weights over a pool with the certificate that proves how good they are."""

from typing import TYPE_CHECKING, Any

from altheory.core.record import record, static
from altheory.designs.pool import Matrix, Vector

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from altheory.designs.assemble import Assembly
    from altheory.designs.problem import Problem


@record
class Design:
    r"""A distribution over the items of a pool, and a proof of how near it is to the best.

    `weights [items]` sum to 1; `support` are the items that have any; `value` is the criterion in its own units (D:
    :math:`\log\det V`; G, XY: the largest variance; A, I, c: the variance; E: the smallest eigenvalue; compound: the
    log of the product). `gap` bounds the shortfall: the optimal information (D: :math:`\det^{1/d}`, others:
    1/variance or the eigenvalue) is at most `1 + gap` times this design's. For D and G without extras it is
    :math:`\max_ix_i^\top V^{-1}x_i/d - 1`. `certificate [d, k]` is the matrix R of the proof: :math:`\mathrm{gap} =
    \rho(\max_i|R^\top a_i|^2 + \mathrm{tr}\,PRR^\top) - 1` with ρ = `ratio`, computed in float64 from the weights.
    `information [d, d]` is the information matrix, prior included.
    """

    weights: Vector
    support: Vector
    value: float
    gap: float
    iterations: int
    information: Matrix
    certificate: Matrix
    ratio: float
    rank: int = static()
    criterion: str = static()
    status: str = static()
    solver: str = static()
    assembly: "Assembly" = static()

    @property
    def problem(self) -> "Problem":
        """The pool, its scales and prices, in whitened coordinates."""
        return self.assembly.problem

    @property
    def prior(self) -> Matrix | None:
        """The prior's precision."""
        return self.assembly.prior

    def __repr__(self) -> str:
        return (
            f"Design(criterion={self.criterion!r}, value={self.value:.6g}, gap={self.gap:.2g}, "
            f"support={len(self.support)} of {len(self.weights)} items, status={self.status!r})"
        )

    def efficiency(self, other: "Design | Vector") -> float:
        r"""The information of this design over that of another on the same pool, :math:`H(M)/H(M')`, by this one's
        criterion.

        `other` is a design or weights `[items]`. Against an optimal design it is at most 1; infinite where the other
        carries no information. Raises `ValueError` where the other has another number of items.
        """
        from altheory.designs.compare import relative_information

        return relative_information(self, other)

    def prune(self) -> "Design":
        r"""The same information matrix on at most d(d+1)/2 + 1 items. Cite: pukelsheim2006optimal."""
        from altheory.designs.compare import pruned

        return pruned(self)

    def sensitivity(self) -> Vector:
        r"""The sensitivity :math:`\rho|R^\top a_i|^2` of every item `[items]`, normalised so that an optimum has
        maximum 1.
        """
        scale = self.problem.scale
        q = self.problem.pool.quadratic(self.certificate, exact=True)
        return self.ratio * (q if scale is None else q * scale**2)

    def plot(self, *, along: Any = None, ax: "Axes | None" = None) -> "Axes":
        """Draw the sensitivity of every item, the bound it must not cross and the weights.

        `along [items]` places items on the axis; by default the one column that tells all rows apart, else the
        first principal direction. Returns the axes. Raises `ValueError` where `along` has another length.
        """
        from altheory.designs.picture import draw

        return draw(self, along, ax)
