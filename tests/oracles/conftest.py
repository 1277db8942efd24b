"""What the tests against stored trajectories share."""

from functools import partial

import pytest
from mlpcli.nn.replay import Replay


@pytest.fixture(scope="session")
def replay():
    """Return a function that takes a trainer's steps on its rows as they stand."""

    def steps(trainer, n_steps):
        """Take steps on the batches of an epoch, over and over; yield each one's J.

        As training does, by the calls of the first step on so many rows.
        """
        feed, size = trainer.feed, trainer.feed.batch_size
        of_size = {n: Replay(partial(trainer.step, 0, n), {}) for n in trainer.passes}
        starts = range(0, feed.n_rows, size)
        for step in range(n_steps):
            start = starts[step % len(starts)]
            n = min(size, feed.n_rows - start)
            feed.X_chunk[(*feed.lanes, slice(n))] = feed.X[start : start + n]
            feed.target_chunk[(*feed.lanes, slice(n))] = feed.target[start : start + n]
            trainer.loss_chunk.start([(0, n)])
            of_size[n]()
            trainer.loss_chunk.row_losses(n, trainer.losses[..., :n])
            yield trainer.losses[..., :n].mean(axis=-1)

    return steps
