"""`mlp`, and `python -m mlpcli`."""

from __future__ import annotations

import atexit
import gc
import os
import sys

# Imports make hundreds of thousands of objects that stay: looking through them for garbage after
# every 700, Python's default, takes 6 % of a small training's time (paired medians of 12).
COLLECT_AFTER = (200_000, 20, 20)


def main() -> None:
    """Run the command line; stopped by hand before a verb is at work, say nothing."""
    gc.set_threshold(*COLLECT_AFTER)
    try:
        from mlpcli.cli.main import main as run

        run()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            _leave(end.code or 0)
        raise
    except BaseException as error:
        from mlpcli.errors import interruption

        if interruption(error):
            _leave(130)
            sys.exit(130)
        raise
    finally:
        # Python looks through everything once more before it ends: 70 ms of a training's 560.
        gc.freeze()


def _leave(code: int) -> None:
    """End the process without taking apart what it has imported: 7 ms of a training's 400.

    Everything that others have asked for at the end is done before. Returns where somebody is
    watching, a profiler or a debugger, or results cannot be written: Python ends it then.
    """
    if sys.getprofile() is not None or sys.gettrace() is not None:
        return
    atexit._run_exitfuncs()  # noqa: SLF001  there is no public name for it
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return
    os._exit(code)


if __name__ == "__main__":
    main()
