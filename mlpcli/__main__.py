"""`mlp`, and `python -m mlpcli`."""

from __future__ import annotations

import gc
import sys

# Imports make hundreds of thousands of objects that stay: looking through them for garbage after
# every 700, Python's default, takes 6 % of a small training's time (paired medians of 12).
COLLECT_AFTER = (200_000, 20, 20)


def main() -> None:
    """Run the command line; an interrupt before a verb is at work prints nothing."""
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
        # Python looks through everything once more before it ends: 70 ms of a training's 560.
        gc.freeze()


if __name__ == "__main__":
    main()
