"""Beliefs: what is known, as a pytree with `update` and the capabilities scores ask for."""

from altheory.beliefs.annotators import (
    Consensus,
    Crowd,
    Dependence,
    crowd,
    dawid_skene,
    error_dependence,
    mace,
    one_coin,
    triples,
    vote_log_odds,
    vote_shares,
)
from altheory.beliefs.beta import BetaBernoulli, beta_bernoulli
from altheory.beliefs.boxes import Boxes, boxes
from altheory.beliefs.changing import Discounted, Restarting, Windowed, discounted, restarting, windowed
from altheory.beliefs.committee import ClassCommittee, ValueCommittee, bootstrap
from altheory.beliefs.counts import Counts, counts
from altheory.beliefs.dropout import MCDropout, mc_dropout
from altheory.beliefs.duels import Duels, bradley_terry, duels, mm_step
from altheory.beliefs.ensemble import DeepEnsemble, deep_ensemble
from altheory.beliefs.finite import Finite, finite, halfspaces
from altheory.beliefs.gaussian import GaussianArms, gaussian_arms
from altheory.beliefs.gp import GP, gp
from altheory.beliefs.gp_arms import GPArms, gp_arms
from altheory.beliefs.gp_classifier import GPClassifier, gp_classifier
from altheory.beliefs.harmonic import Harmonic, gaussian_graph, harmonic
from altheory.beliefs.host import HostBelief, HostCommittee, HostModel, host_belief
from altheory.beliefs.imputed import Imputed, Told, fit_normal, imputed
from altheory.beliefs.kernels import RBF, Dot, Matern
from altheory.beliefs.last_layer import LastLayer, last_layer
from altheory.beliefs.linear import Linear, linear
from altheory.beliefs.logistic import Logistic, logistic
from altheory.beliefs.numpyro_model import NumpyroBelief, numpyro_belief
from altheory.beliefs.perceptron import Perceptron, perceptron
from altheory.beliefs.rising import Rising, rising
from altheory.beliefs.separate import Frozen, Separate, Tagged, frozen, separate, tagged
from altheory.beliefs.tallies import Contenders, Moments, contenders, moments
from altheory.beliefs.trainer import Network

__all__ = [
    "GP",
    "RBF",
    "BetaBernoulli",
    "Boxes",
    "ClassCommittee",
    "Consensus",
    "Contenders",
    "Counts",
    "Crowd",
    "DeepEnsemble",
    "Dependence",
    "Discounted",
    "Dot",
    "Duels",
    "Finite",
    "Frozen",
    "GPArms",
    "GPClassifier",
    "GaussianArms",
    "Harmonic",
    "HostBelief",
    "HostCommittee",
    "HostModel",
    "Imputed",
    "LastLayer",
    "Linear",
    "Logistic",
    "MCDropout",
    "Matern",
    "Moments",
    "Network",
    "NumpyroBelief",
    "Perceptron",
    "Restarting",
    "Rising",
    "Separate",
    "Tagged",
    "Told",
    "ValueCommittee",
    "Windowed",
    "beta_bernoulli",
    "bootstrap",
    "boxes",
    "bradley_terry",
    "contenders",
    "counts",
    "crowd",
    "dawid_skene",
    "deep_ensemble",
    "discounted",
    "duels",
    "error_dependence",
    "finite",
    "fit_normal",
    "frozen",
    "gaussian_arms",
    "gaussian_graph",
    "gp",
    "gp_arms",
    "gp_classifier",
    "halfspaces",
    "harmonic",
    "host_belief",
    "imputed",
    "last_layer",
    "linear",
    "logistic",
    "mace",
    "mc_dropout",
    "mm_step",
    "moments",
    "numpyro_belief",
    "one_coin",
    "perceptron",
    "restarting",
    "rising",
    "separate",
    "tagged",
    "triples",
    "vote_log_odds",
    "vote_shares",
    "windowed",
]
