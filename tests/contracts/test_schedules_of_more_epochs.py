"""A training may be extended where its learning rates are the same in a longer one."""

import numpy as np
import pytest

from mlpcli.nn.schedules import SCHEDULES, Cosine


@pytest.mark.parametrize("schedule", [*(SCHEDULES[name]() for name in SCHEDULES), Cosine(period=3)])
@pytest.mark.parametrize("warmup", [0.0, 1.5])
def test_it_says_whether_its_factors_depend_on_the_number_of_epochs(schedule, warmup):
    schedule = type(schedule)(**{**vars(schedule), "warmup": warmup})
    few, more = schedule.start(5, 4), schedule.start(9, 4)
    same = all(np.array_equal(few.factors(epoch), more.factors(epoch)) for epoch in range(1, 6))
    assert schedule.depends_on_epochs != same
