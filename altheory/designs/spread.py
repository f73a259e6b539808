"""High scores that point different ways."""

import numpy as np

from altheory.designs.pool import Matrix, Vector


def spread(scores: Vector, directions: Matrix, limit: int) -> Vector:
    """Up to `limit` of the highest scores, no two of which point nearly the same way."""
    lengths = np.sqrt((directions * directions).sum(1))
    unit = directions / np.where(lengths > 0, lengths, 1.0)[:, None]
    left, chosen = scores.copy(), []
    for _ in range(min(limit, len(scores))):
        i = int(np.argmax(left))
        if left[i] == -np.inf:
            break
        chosen.append(i)
        left[(unit @ unit[i]) ** 2 > 0.9] = -np.inf
        left[i] = -np.inf
    return np.array(chosen, dtype=np.int64)
