"""Schedules: the learning rate of each epoch or step, as a multiple of the optimizer's λ.

A member holds the settings. `start` returns its state in one training, which gives the factors of
each epoch: one number where it is the same in all its steps, else an array with one for each
step. Before any schedule stands a linear warm-up, if asked for; the schedule's own time begins
after it: in the formulas t is the epoch of that time, from 1 (a fraction where the rate changes
from step to step), and T is how many there are.
"""

# In the order of the table, which is the order of every list of names.
# isort: off
from mlpcli.nn.schedules.contract import SCHEDULES, Schedule, ScheduleState
from mlpcli.nn.schedules.epochwise import Constant, Exponential, InverseTime, StepDecay
from mlpcli.nn.schedules.stepwise import Cosine, OneCycle
from mlpcli.nn.schedules.plateau import Plateau
# isort: on

__all__ = [
    "SCHEDULES",
    "Constant",
    "Cosine",
    "Exponential",
    "InverseTime",
    "OneCycle",
    "Plateau",
    "Schedule",
    "ScheduleState",
    "StepDecay",
]
