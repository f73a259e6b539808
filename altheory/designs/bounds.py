"""The constants of the theorems: what a step gains, how many steps suffice, what rounding and noise cost."""

import math

LOG2 = math.log(2.0)


def step_gain(gap: float, d: int) -> float:
    r"""What the best step towards the worst item adds to :math:`\log\det V` when :math:`g = (1 + \varepsilon)d`.

    :math:`G_d(\varepsilon) = d\log(1+\varepsilon) - (d-1)\log(1 + \tfrac{d\varepsilon}{d-1})` and
    :math:`G_1 = \log(1+\varepsilon)`; ε may be negative, down to -(d-1)/d. Cite: khachiyan1996rounding.
    """
    if d == 1:
        return math.log1p(gap)
    return d * math.log1p(gap) - (d - 1) * math.log1p(d * gap / (d - 1))


def log_det_interval(worst: float, d: int) -> tuple[float, float]:
    r"""Lower and upper bounds on :math:`\log\det V^\star - \log\det V` from the largest leverage. Cite:
    kiefer1960equivalence.
    """
    gap = max(worst / d - 1, 0.0)
    return step_gain(gap, d), d * math.log1p(gap)


def contract(h: float, d: int) -> float:
    r"""The largest deficit :math:`h = \log\det V^\star - \log\det V` can have after one Frank-Wolfe step.

    :math:`\Phi(h) = (d-1)\log\frac{d e^{h/d} - 1}{d - 1}`.
    """
    if d == 1:
        return 0.0
    return (d - 1) * math.log1p(d * math.expm1(h / d) / (d - 1))


def starting_deficit(items: int, d: int, *, kumar_yildirim: bool = False) -> float:
    r"""A bound on the deficit of the start: :math:`d\log(N/d)` from uniform, :math:`d\log d` from Kumar-Yildirim
    items.
    """
    return d * math.log(d if kumar_yildirim else max(items / d, 1.0))


def iteration_bound(eta: float, d: int, deficit: float) -> int:
    r"""Some iterate among the first :math:`K(\eta)` of Frank-Wolfe has :math:`g \le (1+\eta)d`.

    :math:`K = \min_k(k + \lfloor\bar h_k/G_d(\eta)\rfloor + 1)` with :math:`\bar h_{k+1} = \Phi(\bar h_k)` from
    `deficit`. Away steps need at most as many moves that are not drops. Cite: khachiyan1996rounding, todd2016minimum.
    """
    gain, h, best, k = step_gain(eta, d), deficit, math.inf, 0
    while k < best:
        best = min(best, k + math.floor(h / gain) + 1)
        h = contract(h, d)
        k += 1
    return int(best)


def iteration_bound_closed(eta: float, d: int, deficit: float) -> float:
    r"""The closed form, for η <= 1: :math:`3.59\,d[\log\max(1, \tfrac{\bar h_0}{d\log 2}) + \tfrac2\eta] + 3`."""
    return 3.59 * d * (math.log(max(1.0, deficit / (d * LOG2))) + 2 / eta) + 3


def multiplicative_deficit(steps: int, items: int, d: int) -> float:
    r"""The deficit after T multiplicative steps from uniform: :math:`d\log(N/d)/(T+1)`. Cite: yu2010monotonic."""
    return d * math.log(max(items / d, 1.0)) / (steps + 1)


def multiplicative_average_worst(steps: int, items: int, d: int) -> float:
    r"""The largest leverage of the average of the first T iterates: :math:`d(N/d)^{1/T}`. Cite: cohen2019near."""
    return d * (items / d) ** (1 / steps)


def rounding_factor(n: int, support: int) -> int:
    r"""Efficient rounding of n over p items keeps :math:`\sum_in_ix_ix_i^\top \succeq (n - p + 1)V`. Cite:
    pukelsheim1992efficient.
    """
    return n - support + 1


def confidence_width(
    worst: float, n: int, support: int, items: int, *, sigma: float = 1.0, delta: float = 0.05
) -> float:
    r"""Least squares on a rounded design errs at no item by more than this, with probability 1 - δ.

    :math:`\sigma\sqrt{\tfrac{2g}{n-p+1}\log\tfrac{2N}\delta}`. Cite: lattimore2020bandit.
    """
    return sigma * math.sqrt(2 * worst / rounding_factor(n, support) * math.log(2 * items / delta))


def phase_length(level: int, eta: float, d: int, arms: int, delta: float) -> int:
    r"""The most pulls phase ℓ of G-optimal elimination makes, :math:`\bar T_\ell`. Cite: lattimore2020bandit."""
    target = 2.0**-level
    pulls = 2 * (1 + eta) * d / target**2 * math.log(2 * arms * level * (level + 1) / delta)
    return math.ceil(pulls) + d * (d + 1) // 2 + 1


def elimination_regret(horizon: int, eta: float, d: int, arms: int, delta: float) -> float:
    r"""Regret of G-optimal phased elimination over n rounds, with probability 1 - δ, for rewards of mean at most 1 in
    magnitude.

    :math:`\sum_\ell8\varepsilon_\ell\min(\bar T_\ell, (n - \sum_{j<\ell}\bar T_j)_+)`, :math:`\varepsilon_\ell =
    2^{-\ell}`.
    """
    left, total, level = horizon, 0.0, 1
    while left > 0:
        played = min(left, phase_length(level, eta, d, arms, delta))
        total += 8 * 2.0**-level * played
        left, level = left - played, level + 1
    return total


def best_arm_pulls(budget: int, arms: int, d: int) -> int:
    r"""The pulls m per phase that a budget T allows OD-LinBAI: :math:`Rm + \min(K, \tfrac{d(d+1)}2 + 1) +
    \sum_{r<R}\lceil d/2^r\rceil \le T`.

    Cite: yang2022minimax.
    """
    rounds = max(math.ceil(math.log2(d)), 1)
    spare = min(arms, d * (d + 1) // 2 + 1) + sum(math.ceil(d / 2**r) for r in range(1, rounds))
    return max((budget - spare) // rounds, 0)


def best_arm_error(gaps: list[float], pulls: int, d: int, *, eta: float = 0.0) -> float:
    r"""The probability that OD-LinBAI returns another arm than the best, for sorted gaps (the first is 0), unit noise.

    :math:`\sum_r\min_h\frac{n_r-h}{s_r-h+1}\exp(-\tfrac{m\Delta_{h+1}^2}{8d_r(1+\eta)})`. Cite: yang2022minimax.
    """
    total, alive = 0.0, len(gaps)
    for r in range(1, max(math.ceil(math.log2(d)), 1) + 1):
        kept, dim = math.ceil(d / 2**r), min(d, alive)
        terms = [
            (alive - h) / (kept - h + 1) * math.exp(-pulls * gaps[h] ** 2 / (8 * dim * (1 + eta)))
            for h in range(1, min(kept, alive - 1) + 1)
        ]
        total, alive = total + min(terms, default=0.0), kept
    return total


def best_arm_error_closed(gaps: list[float], pulls: int, d: int, *, eta: float = 0.0) -> float:
    r"""The closed form, never below the sum: :math:`(\tfrac{4K}d + 3\log_2d)\exp(-\tfrac m{32(1+\eta)H_2})` with
    :math:`H_2 = \max_{2\le i\le d}i/\Delta_i^2`, for d >= 2 and more than d arms. Cite: yang2022minimax.
    """
    hardness = max(i / gaps[i - 1] ** 2 if gaps[i - 1] > 0 else math.inf for i in range(2, d + 1))
    return (4 * len(gaps) / d + 3 * math.log2(d)) * math.exp(-pulls / (32 * (1 + eta) * hardness))


def greedy_variance(picks: int, start: float, d: int, *, noise: float = 1.0) -> float:
    r"""The largest posterior variance after n picks of the most uncertain item: :math:`\sigma^2[(1 +
    \tfrac{nv_0}{d\sigma^2})^{d/n} - 1]`.
    """
    return noise**2 * math.expm1(d / picks * math.log1p(picks * start / (d * noise**2)))


def greedy_mean_variance(mean: float, targets: int, *, noise: float = 1.0) -> float:
    r"""The largest the mean target variance can be after one more greedy pick: :math:`u - \tfrac{u^2}{M(\sigma^2 +
    u)}`.
    """
    return mean - mean**2 / (targets * (noise**2 + mean))


def single_target_variance(picks: int, start: float, *, noise: float = 1.0) -> float:
    r"""The variance of one target in the pool after n greedy picks: :math:`(1/v_0 + n/\sigma^2)^{-1}`."""
    return 1 / (1 / start + picks / noise**2)
