"""What a design solver refuses to return, and why, in one sentence."""


class DesignError(ValueError):
    """A design that could not be solved to its tolerance, or whose certificate could not be established."""
