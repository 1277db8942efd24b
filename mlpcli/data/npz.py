"""The arrays of a .npz file: each header is checked before memory is taken for its numbers."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from math import prod
from typing import IO, Any

from numpy.lib.format import (
    read_array,
    read_array_header_1_0,
    read_array_header_2_0,
    read_magic,
)

from mlpcli.array_types import Array
from mlpcli.data.source import Source
from mlpcli.data.unpacking import MOST_TIMES
from mlpcli.errors import DataError, OutOfMemoryError
from mlpcli.machine import in_bytes
from mlpcli.memory import FEW, FEWER, require


def read_arrays(source: Source) -> list[tuple[str, Array]]:
    """Return the columns (rows,) of the arrays, with their names; those of a 2-D array X are X_j.

    Raises DataError where the file, or what a header says, is wrong; OutOfMemoryError.
    """
    content = source.read()
    if not content.startswith(b"PK"):
        raise DataError(f"{source.name}: not an .npz file")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            members = file.infolist()
            check_times(source.name, len(content), members)
            n = sum(member.file_size for member in members)
            require(2 * n, f"{source.name}: arrays of {in_bytes(n)}", FEWER)  # and as columns
            return [c for member in members for c in _columns(file, member)]
    except (DataError, OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  NumPy and zipfile raise many kinds
        raise unreadable(source.name, error) from None


def unreadable(name: str, error: Exception) -> DataError:
    """Return the error of a file in which NumPy or zipfile found something wrong."""
    why = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return DataError(f"{name}: not a readable .npz: {why}")


def check_times(name: str, n_packed: int, members: list[zipfile.ZipInfo]) -> None:
    """Raise OutOfMemoryError where the arrays are too many times the file, as its directory says.

    Nothing is read of an array beyond what it says there.
    """
    n = sum(member.file_size for member in members)
    if n > FEW and n > MOST_TIMES * n_packed:
        raise OutOfMemoryError(
            f"{name}: {in_bytes(n_packed)} unpack to {in_bytes(n)}, over {MOST_TIMES} times as "
            f"much, as files do that are made to fill the memory; a sound one has to be saved "
            f"unpacked, with numpy.savez"
        )


def _columns(file: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[tuple[str, Array]]:
    """Yield the columns of one array. Raises ValueError where its header is wrong."""
    with file.open(member) as stream:
        check_header(stream, member.file_size)
    with file.open(member) as stream:
        array = read_array(stream, allow_pickle=False)
    name = member.filename.removesuffix(".npy")
    if array.ndim == 1:
        yield name, array
    elif array.size and array.ndim > 1:
        for j, column in enumerate(array.reshape(len(array), -1).T):
            yield f"{name}_{j}", column


def check_header(stream: IO[bytes], n_bytes: int) -> tuple[tuple[int, ...], bool, Any]:
    """Return shape, whether the order is Fortran's, and type, as an array's header says them.

    n_bytes  that header and array have
    Raises ValueError where the header is not of an array in so many bytes.
    """
    read = read_array_header_1_0 if read_magic(stream) == (1, 0) else read_array_header_2_0
    try:
        shape, fortran, dtype = read(stream)
    except (MemoryError, RecursionError) as error:  # of Python's parser
        raise ValueError("a header is nested too deep") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    if dtype.itemsize == 0 or any(n < 0 for n in shape):
        raise ValueError(f"no array has the shape {shape} and the type {dtype}")
    claimed, there = prod(shape) * dtype.itemsize, n_bytes - stream.tell()
    if claimed > there:
        raise ValueError(f"an array's header says {claimed:,} bytes, and there are {there:,}")
    return shape, fortran, dtype
