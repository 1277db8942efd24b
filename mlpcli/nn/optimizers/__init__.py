"""Optimizers: the update of theta in one step, given the gradient.

A member holds the hyperparameters. `bind` ties it to the arrays of one training and returns the
step, so that what a hyperparameter switches on is decided once. All work in place on flat
vectors (..., n_params), and may overwrite the gradient. The learning rate of a step is in
`rate`, an array without axes, or (..., 1) with one number a lane: schedules write it. In a stack
every hyperparameter may be an array (R,), one number a lane.
"""

# In the order of the table, which is the order of every list of names.
# isort: off
from mlpcli.nn.optimizers.contract import OPTIMIZERS, Memory, Optimizer, State, Step
from mlpcli.nn.optimizers.momentum import Sgd
from mlpcli.nn.optimizers.scaled import Adadelta, Adagrad, RmsProp
from mlpcli.nn.optimizers.moments import Adam, AdamW, AmsGrad, Lion, Nadam
# isort: on

__all__ = [
    "OPTIMIZERS",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "AmsGrad",
    "Lion",
    "Memory",
    "Nadam",
    "Optimizer",
    "RmsProp",
    "Sgd",
    "State",
    "Step",
]
