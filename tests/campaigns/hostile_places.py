"""Paths that are no files, pipes, and model files that lie."""

import struct

from hostile import DATA, DONE, MEMORY, MIB, RUN, SPEC, case, check, interrupt, train

# ------------------------------------------------------------ places


@case("/dev/zero", DATA)
def _(folder):
    return check(folder, "/dev/zero")


@case("a link to /dev/zero", DATA)
def _(folder):
    (folder / "d.csv").symlink_to("/dev/zero")
    return check(folder, "d.csv")


@case("/dev/urandom", DATA)
def _(folder):
    (folder / "d.csv").symlink_to("/dev/urandom")
    return check(folder, "d.csv")


@case("/dev/null", DATA)
def _(folder):
    return check(folder, "/dev/null")


@case("a folder", DATA)
def _(folder):
    (folder / "d.csv").mkdir()
    return check(folder, "d.csv")


@case("a socket", DATA, MEMORY)
def _(folder):
    import socket

    socket.socket(socket.AF_UNIX).bind(str(folder / "d.csv"))
    return check(folder, "d.csv")


def feeding(text, times, then=b""):
    def feed(_process, folder):
        import contextlib
        import threading

        def write():
            with contextlib.suppress(BrokenPipeError), (folder / "d.csv").open("wb") as pipe:
                for _ in range(times):
                    pipe.write(text)
                pipe.write(then)

        threading.Thread(target=write, daemon=True).start()

    return feed


def pipe(folder):
    import os

    os.mkfifo(folder / "d.csv")


@case("a named pipe", DONE, during=feeding(b"a,y\n" + b"1,2\n2,3\n3,1\n" * 100, 1))
def _(folder):
    pipe(folder)
    return train(folder, "d.csv")


@case("a named pipe without an end", MEMORY, DATA, during=feeding(b"y" * MIB, 3000))
def _(folder):
    pipe(folder)
    return check(folder, "d.csv")


@case("a named pipe that nobody writes, SIGTERM", 143, -15, during=interrupt(15, 1.5))
def _(folder):
    pipe(folder)
    return check(folder, "d.csv")


@case("a named pipe that nobody writes, SIGINT", 130, during=interrupt(2, 1.5))
def _(folder):
    pipe(folder)
    return check(folder, "d.csv")


@case("a spec of 1 GB", SPEC, is_cheap=False)
def _(folder):
    with (folder / "s.yaml").open("wb") as file:
        file.write(b"a: ")
        file.truncate(1 << 30)
    return ["check", "s.yaml"]


@case("a spec that is /dev/zero", SPEC)
def _(_folder):
    return ["check", "/dev/zero"]


@case("a spec that is a link to /dev/urandom", SPEC)
def _(folder):
    (folder / "s.yaml").symlink_to("/dev/urandom")
    return ["check", "s.yaml"]


# ------------------------------------------------------------ models


def safetensors(header, data=b""):
    return struct.pack("<Q", len(header)) + header + data


HEADERS = {
    "a header of 2^63 bytes": lambda: struct.pack("<Q", 2**63) + b"{}",
    "a header of 90 MB": lambda: safetensors(b" " * 90_000_000),
    "a tensor of exabytes": lambda: safetensors(
        b'{"a":{"dtype":"F32","shape":[1000000000,1000000000],'
        b'"data_offsets":[0,4000000000000000000]}}',
        b"\0" * 64,
    ),
    "a shape that overflows": lambda: safetensors(
        b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'
    ),
    "a description nested 10^6 deep": lambda: safetensors(
        b'{"__metadata__":{"mlp":"' + b"[" * 1_000_000 + b'"}}'
    ),
    "a description of 50 MB": lambda: safetensors(
        b'{"__metadata__":{"mlp":"[' + b"1," * 25_000_000 + b'1]"}}'
    ),
}
for _what, _content in HEADERS.items():

    @case(f"model with {_what}", RUN, MEMORY)
    def _(folder, content=_content):
        (folder / "m.safetensors").write_bytes(content())
        (folder / "d.csv").write_text("a\n1\n")
        return ["predict", "m.safetensors", "d.csv"]


@case("model that is a file of 3 GB", RUN, MEMORY)
def _(folder):
    with (folder / "m.safetensors").open("wb") as file:
        file.write(safetensors(b'{"__metadata__":{"mlp":"{}"}}'))
        file.truncate(3 << 30)
    (folder / "d.csv").write_text("a\n1\n")
    return ["predict", "m.safetensors", "d.csv"]


@case("model that is /dev/zero", RUN, MEMORY, SPEC)
def _(folder):
    (folder / "d.csv").write_text("a\n1\n")
    return ["predict", "/dev/zero", "d.csv"]
