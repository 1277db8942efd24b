"""The calls that change a disk, wrapped: the k-th of them kills the process, or fails."""

import contextlib
import errno
import os
from pathlib import Path

CALLS = ("write", "fsync", "replace", "ftruncate", "open", "unlink", "mkdir", "rename", "rmdir")
KILLED = 99


@contextlib.contextmanager
def after_each_call(happens, names=CALLS):
    """Let `happens(k, name)` be called before the k-th call of these functions of `os`, from 0."""
    count = iter(range(10**9))
    real = {name: getattr(os, name) for name in names}

    def wrap(name):
        def call(*arguments, **options):
            happens(next(count), name, arguments)
            return real[name](*arguments, **options)

        return call

    for name in names:
        setattr(os, name, wrap(name))
    try:
        yield
    finally:
        for name, function in real.items():
            setattr(os, name, function)


def killed_at(k, work, names=CALLS):
    """Run `work` in a child that dies before its k-th call; return whether it died."""

    def kill(number, name, arguments):
        if number == k:
            if name == "write":  # half of it is there
                os.pwrite(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2], 0)
            os._exit(KILLED)

    child = os.fork()
    if child == 0:
        code = 1
        try:
            with after_each_call(kill, names):
                work()
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED), f"it failed before its call {k}: {code}"
    return code == KILLED


@contextlib.contextmanager
def failing(fails, number=errno.ENOSPC, names=CALLS):
    """Let the calls fail for which `fails(k, name, arguments)` is true."""

    def fail(k, name, arguments):
        if fails(k, name, arguments):
            raise OSError(number, os.strerror(number))

    with after_each_call(fail, names):
        yield


def content_of(folder):
    """Return what the files in a directory hold, by name, the directories' at any depth."""
    folder = Path(folder)
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
