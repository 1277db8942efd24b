"""`mlp` for tests that run it many times: imported once, and forked for each command.

A forked process is a process of its own, with its own standard streams, folder and environment; it
only does not import again what takes most of a short command's time. As a script this file is the
server; `Preloaded` is its client. What a process reads when it starts, such as PYTHONIOENCODING,
is the server's: commands that need another one, or test the start itself, are started anew.
"""

import contextlib
import importlib
import json
import os
import pkgutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

READ_AT_THE_START = ("PYTHON", "LANG", "LC_", "MALLOC_", "LD_")


class Preloaded:
    """The server of one environment.

    environment  of the server; commands may have another, but for READ_AT_THE_START
    also         modules to import beside those of mlpcli
    """

    def __init__(self, environment, also=()):
        self.environment = environment
        self.ours, theirs = socket.socketpair()
        words = [sys.executable, __file__, str(theirs.fileno()), *also]
        subprocess.run(words, env=environment, pass_fds=[theirs.fileno()], check=True)
        theirs.close()

    def fits(self, environment):
        """Whether a command with this environment may be forked."""
        here, there = (
            {k: v for k, v in each.items() if k.startswith(READ_AT_THE_START)}
            for each in (environment, self.environment)
        )
        return here == there

    def run(self, words, cwd, environment, timeout=60):
        """Run `mlp` with these words; return its code, output and errors."""
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
            request = {"words": list(map(str, words)), "cwd": str(Path(cwd).absolute())}
            request["environment"] = environment
            message = json.dumps(request).encode()
            numbers = [file.fileno() for file in files]
            socket.send_fds(self.ours, [len(message).to_bytes(8, "little")], numbers)
            self.ours.sendall(message)
            self.ours.settimeout(timeout)
            code = int.from_bytes(self.ours.recv(4), "little", signed=True)
            out, err = (self._text(file) for file in files[1:])
        return SimpleNamespace(code=code, out=out, err=err)

    @staticmethod
    def _text(file):
        file.seek(0)
        return file.read().decode("utf-8", "surrogateescape")

    def close(self):
        """End the server: nobody can ask it any more."""
        self.ours.close()


def serve(channel):
    """Fork for each request; return in the forked process alone."""
    while True:
        head, files, *_ = socket.recv_fds(channel, 8, 3)
        if not head:
            os._exit(0)
        message = b""
        while len(message) < int.from_bytes(head, "little"):
            message += channel.recv(1 << 20)
        pid = os.fork()
        if pid == 0:
            channel.close()
            return become(json.loads(message), files)
        for file in files:
            os.close(file)
        _, status = os.waitpid(pid, 0)
        channel.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "little", signed=True))


def become(request, files):
    """Take a command's folder, environment, words and streams."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", 1, "utf-8", "backslashreplace")  # noqa: SIM115
    main = sys.modules["mlpcli.__main__"]
    sys.argv = [main.__file__, *request["words"]]
    return main.main


if __name__ == "__main__":
    if os.fork():  # no child of the tests: some of them see that they have none
        os._exit(0)
    del sys.path[0]
    import mlpcli

    for module in pkgutil.walk_packages(mlpcli.__path__, "mlpcli."):
        if not module.name.startswith("mlpcli.sweep") and not module.name.endswith("boosting"):
            importlib.import_module(module.name)
    for name in ("safetensors.numpy", "rich.progress", *sys.argv[2:]):
        importlib.import_module(name)
    serve(socket.socket(fileno=int(sys.argv[1])))()
