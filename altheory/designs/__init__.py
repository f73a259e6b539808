"""Optimal experimental design: weights over a pool with a certificate of how near they are to the best."""

from altheory.designs.batch import d_optimal_batch, d_optimal_kernel
from altheory.designs.bounds import step_gain
from altheory.designs.compare import reduce_support
from altheory.designs.demonstrations import Greedy, go_greedy, sal_greedy
from altheory.designs.design import Design
from altheory.designs.errors import DesignError
from altheory.designs.exchange import exchange_design
from altheory.designs.glm import glm_weights
from altheory.designs.optimal import (
    a_optimal,
    c_optimal,
    d_optimal,
    e_optimal,
    g_optimal,
    i_optimal,
    optimal_design,
    xy_optimal,
)
from altheory.designs.preference import pair_items, preference_design
from altheory.designs.rounding import apportion, round_design
from altheory.designs.start import kumar_yildirim
from altheory.designs.steppers import Iterate, away_step, frank_wolfe, multiplicative

__all__ = [
    "Design",
    "DesignError",
    "Greedy",
    "Iterate",
    "a_optimal",
    "apportion",
    "away_step",
    "c_optimal",
    "d_optimal",
    "d_optimal_batch",
    "d_optimal_kernel",
    "e_optimal",
    "exchange_design",
    "frank_wolfe",
    "g_optimal",
    "glm_weights",
    "go_greedy",
    "i_optimal",
    "kumar_yildirim",
    "multiplicative",
    "optimal_design",
    "pair_items",
    "preference_design",
    "reduce_support",
    "round_design",
    "sal_greedy",
    "step_gain",
    "xy_optimal",
]
