"""What the tests against stored trajectories share."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def replay():
    """Return a function that takes a trainer's steps on its rows as they stand."""

    def steps(trainer, n_steps):
        """Take steps on the batches of an epoch, over and over; yield each one's J."""
        loader, step = trainer.loader, trainer.step
        loader.order[...] = np.arange(loader.n_rows)
        step.start(trainer.seeds, 1)
        starts = range(0, loader.n_rows, loader.batch_size)
        for k in range(n_steps):
            start = starts[k % len(starts)]
            (batch,) = loader.load(start, min(start + loader.batch_size, loader.n_rows)).batches
            step(batch)
            yield step.loss.value(batch.u, batch.y).mean(axis=-1)

    return steps
