"""`mlp`, and `python -m mlpcli`."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # built in: it is there already
import gc
import sys

# Imports make hundreds of thousands of objects that stay: looking through them for garbage after
# every 700, Python's default, takes 6 % of a small training's time (paired medians of 12).
COLLECT_AFTER = (200_000, 20, 20)


def main() -> None:
    """Run the command line; an interrupt before a verb is at work prints nothing."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    from mlpcli.cli.signals import end_at_stop_signals
    from mlpcli.stop_signals import ignore_stop_signals

    end_at_stop_signals()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        from mlpcli.cli.main import main as run

        run()
    except BaseException as error:
        from mlpcli.errors import interruption

        if interruption(error):
            sys.exit(130)
        raise
    finally:
        ignore_stop_signals()  # all is done and printed: Python's own end would show a traceback
        # Python looks through everything once more before it ends: 70 ms of a training's 560.
        gc.freeze()


if __name__ == "__main__":
    main()
