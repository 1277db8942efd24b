"""The encodings of text files: told from their bytes, and read as UTF-8 whatever they are."""

from __future__ import annotations

import codecs
import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from mlpcli.data.guesses import Guess
from mlpcli.data.patterns import Pattern
from mlpcli.data.source import Source
from mlpcli.data.table import Table, quoted
from mlpcli.errors import DataError

BLOCK = 1 << 16  # bytes decoded at once
MARKS = {  # byte order marks, the longer ones first
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
LONGEST_MARK = 4
FEWEST_ZEROS = 3  # a header of one letter, a digit and a line's end have more
NOT_OF_FILES = ("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape")
NAMES = {"cp1252": "Windows-1252", "latin-1": "Latin-1"}
UNDEFINED = Pattern(rb"[\x81\x8d\x8f\x90\x9d]")  # in Windows-1252
CONTROLS = Pattern(rb"[\x00-\x08\x0e-\x19\x1c-\x1f]")  # that no text has
WORD = Pattern(rb"[^\s,;|\"]*[\x80-\xff][^\s,;|\"]*")


def encoding_problem(name: str) -> str:
    """Return why a name is not that of a text encoding, or nothing.

    >>> encoding_problem("Latin-1"), encoding_problem("base64")
    ('', "'base64' is not an encoding of text")
    """
    try:
        with contextlib.suppress(UnicodeDecodeError):
            b"a".decode(name)  # LookupError: unknown, or a codec that is not of text
        found = codecs.lookup(name)
        known = found.name not in NOT_OF_FILES and found.incrementaldecoder is not None
    except (LookupError, ValueError):
        known = False
    return "" if known else f"{quoted(name)} is not an encoding of text"


def check_name(name: str) -> str:
    """Return the name of an encoding. Raises ValueError where it is none."""
    if encoding_problem(name):
        raise ValueError(encoding_problem(name))
    return name


class NotUtf8Error(DataError):
    """There are bytes that are not UTF-8, where it was not said what else they may be."""


@dataclass(frozen=True)
class TextFile:
    """A text file, read as UTF-8.

    encoding  that it is written in, as Python names it
    returns   whether its lines end in a carriage return alone, as on a Mac before 2001
    """

    source: Source
    encoding: str = "utf-8"
    returns: bool = False

    def open(self) -> BinaryIO:
        """Return a new stream of the text in UTF-8, lines ended by a line feed.

        Reading it raises DataError, with its place, at what is not in the encoding.
        """
        return self.recoded(self.source.open())

    def recoded(self, stream: BinaryIO) -> BinaryIO:
        """Return the text of a stream of the file's bytes, as `open` does."""
        if self.encoding == "utf-8" and not self.returns:
            return stream
        return io.BufferedReader(_Recoded(self, stream), BLOCK)


class _Recoded(io.RawIOBase):
    """A stream of another stream's text in UTF-8, a block at a time."""

    def __init__(self, text: TextFile, stream: BinaryIO) -> None:
        self.text, self.stream = text, stream
        self.decoder = codecs.getincrementaldecoder(text.encoding)()
        self.pending = b""
        self.line, self.column = 1, 1

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.stream.close()
        super().close()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self.pending:
            block = self.stream.read1(BLOCK)  # type: ignore[attr-defined]  # buffered, or gzip's
            self.pending = self._recoded(block)
            if not block:
                break
        part = self.pending[: len(buffer)]
        buffer[: len(part)] = part
        self.pending = self.pending[len(part) :]
        return len(part)

    def _recoded(self, block: bytes) -> bytes:
        try:
            text = self.decoder.decode(block, final=not block)
            if self.text.returns:
                text = text.replace("\r", "\n")
            found = text.encode()
        except UnicodeDecodeError as error:
            self._count(error.object[: error.start].decode(self.text.encoding, "replace"))
            raise self._error(f"byte 0x{error.object[error.start]:02x}", error.reason) from None
        except UnicodeEncodeError as error:
            self._count(text[: error.start])
            raise self._error("half a character", error.reason) from None
        self._count(text)
        return found

    def _count(self, text: str) -> None:
        lines = text.count("\n")
        self.line += lines
        self.column = (1 if lines else self.column) + len(text) - text.rfind("\n") - 1

    def _error(self, what: str, why: str) -> DataError:
        kind = NotUtf8Error if self.text.encoding == "utf-8" else DataError
        where = f"{self.text.source.name}:{self.line}:{self.column}"
        return kind(f"{where}: not {self.text.encoding} text: {what}: {why}")


def read_text(
    source: Source,
    encoding: str | None,
    read: Callable[[TextFile], Table],
    usual: str | None = None,
) -> Table:
    """Return the table that `read` finds in a text file.

    encoding  None: UTF-8 or UTF-16, else `usual`
    usual     None, or UTF-8 or UTF-16 again: Windows-1252 or Latin-1, as `fallback` tells it
    """
    if encoding is not None:
        try:
            return read(TextFile(source, codecs.lookup(encoding).name))
        except NotUtf8Error as error:
            raise DataError(f"{error}, as data.encoding says it is; auto finds others") from None
    found = shown(_start(source))
    try:
        table = read(TextFile(source, found or "utf-8"))
    except NotUtf8Error as error:
        found, example = fallback(source, error)
        if usual is not None and not usual.startswith("utf"):
            found = codecs.lookup(usual).name
        table = read(TextFile(source, found))
        return replace(table, guesses=(single_bytes(source.name, found, example), *table.guesses))
    if found in (None, "utf-8"):
        return table
    return replace(table, guesses=(as_bytes_show(source.name, found), *table.guesses))


def single_bytes(name: str, encoding: str, example: str) -> Guess:
    """Return what was found of a file that is not UTF-8."""
    text = (
        f"{name}: not UTF-8, so read as {NAMES.get(encoding, encoding)}, as in {example}; "
        "where that is wrong, name the encoding, such as data.encoding: cp1250"
    )
    return Guess("encoding", text)


def as_bytes_show(name: str, encoding: str) -> Guess:
    """Return what was found of a file by its first bytes."""
    text = f"{name}: read as {encoding.upper()}, as its bytes show; else set data.encoding: utf-8"
    return Guess("encoding", text)


def _start(source: Source) -> bytes:
    """Return the first bytes; of a pipe those that are there, if enough for a mark."""
    start = b""
    with source.open() as stream:
        while len(start) < LONGEST_MARK:
            piece = stream.read1(BLOCK)  # type: ignore[attr-defined]  # buffered, or gzip's
            if not piece:
                break
            start += piece
    return start


def shown(start: bytes) -> str | None:
    """Return the encoding that the first bytes show by a byte order mark or by zero bytes.

    Of UTF-16, the digits, delimiters and line ends of a table have a zero byte each, all of them
    at odd places, or all at even ones.

    >>> shown("é,b".encode("utf-16")), shown("1,2".encode("utf-16-be")), shown(b"1,2")
    ('utf-16', 'utf-16-be', None)
    """
    for mark, name in MARKS.items():
        if start.startswith(mark):
            return name
    if b"\0" not in start:
        return None
    even, odd = start[::2], start[1::2]
    for name, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros.count(0) >= max(len(start) // 6, FEWEST_ZEROS) and not others.count(0):
            return name
    return None


def fallback(source: Source, error: NotUtf8Error) -> tuple[str, str]:
    """Return the encoding of a file that is not UTF-8, and the first word that shows it.

    Windows-1252; Latin-1 where a byte is none of Windows-1252. Raises DataError where most of what
    is beyond ASCII is UTF-8, so that single bytes are broken; and where it is no text.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    broken = whole = 0
    name, example = "cp1252", b""
    with source.open() as stream:
        is_marked, block = None, b""
        while block := stream.read(BLOCK):
            if is_marked is None:
                is_marked = block.startswith(codecs.BOM_UTF8)
            letters = decoder.decode(block).encode("utf-32-le", "surrogatepass")
            codes = np.frombuffer(letters, np.uint32)
            n_broken = int(np.count_nonzero((codes >= 0xDC80) & (codes <= 0xDCFF)))  # noqa: PLR2004
            whole += int(np.count_nonzero(codes > 0x7F)) - n_broken  # noqa: PLR2004
            broken += n_broken
            if CONTROLS.search(block):
                raise DataError(f"{error}: this is not a text file") from None
            if UNDEFINED.search(block):
                name = "latin-1"
            word = None if example else WORD.search(block)
            example = word[0] if word else example
    if is_marked or whole >= max(broken, 1):
        advice = "mend that byte, or name the encoding, such as data.encoding: cp1252"
        raise DataError(f"{error}, though the rest of the file is; {advice}") from None
    return name, quoted(example.decode(name, "replace"))
