"""The signals by which a process is asked to end: by hand, by a terminal that goes, by a scheduler.

SIGXCPU comes where a limit of processor time is reached (`ulimit -t`), SIGUSR1 and SIGUSR2 where a
batch system warns of one.
"""

import signal

STOP_SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
)


def ignore_stop_signals() -> None:
    """Ignore them all from now on: in a worker, whose parent decides, and at a process's end."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
