"""The bytes of a text file as they come, once: its first ones kept, all of it as UTF-8."""

from __future__ import annotations

import io
from typing import BinaryIO

from mlpcli.data.blocks import Opened
from mlpcli.data.csv_structure import decoded, is_utf8
from mlpcli.data.encodings import (
    UNDEFINED,
    WORD,
    NotUtf8Error,
    TextFile,
    as_bytes_show,
    fallback,
    shown,
    single_bytes,
)
from mlpcli.data.guesses import Guess
from mlpcli.data.lines import LONGEST, lines_of
from mlpcli.data.source import Joined, Source
from mlpcli.data.table import quoted
from mlpcli.errors import DataError

WIDEST = 4  # bytes of a character in UTF-16 and UTF-32
FIRST = 1 << 12  # bytes that show the encoding


class TextStream:
    """A text file that is read once, as UTF-8.

    encoding  None: as its first bytes show, else UTF-8; where what comes first beyond ASCII is
              not UTF-8: the usual one
    usual     None, or UTF-8 or UTF-16: Windows-1252, or Latin-1

    head      its first bytes, as they are written
    is_whole  whether the head is all of it
    guesses   to which is added what is found of the encoding
    """

    def __init__(
        self, opened: Opened, encoding: str | None, usual: str | None, guesses: list[Guess]
    ) -> None:
        self.stream, self.name = opened.content, opened.name
        self.given, self.usual = encoding, usual
        self.head, self.is_whole = b"", False
        self.guesses = guesses
        self._is_open = False  # whether all so far is ASCII
        self._late: str | None = None  # the encoding of what comes late

    def read_first_line(self) -> TextFile | None:
        """Read the first line, before the rest of a pipe is there; None where it is no UTF-8."""
        self.head = self.stream.readline(LONGEST)
        if self.given is not None or shown(self.head[:FIRST]) is not None:
            return None
        return TextFile(Source(self.name, None, self.head))

    def read_head(self, n_bytes: int) -> None:
        """Read the head, about so many bytes: whole lines."""
        pieces = [self.head]
        left = n_bytes - len(self.head)
        if left > 0:
            pieces += [self.stream.read(left)]
            self.is_whole = len(pieces[-1]) < left
        self.head = b"".join(pieces)
        if left > 0 and not self.is_whole:
            self._complete_line()

    def _complete_line(self) -> None:
        if b"\r" in self.head and not (b"\n" in self.head or b"\0" in self.head):
            end = self.head.rindex(b"\r") + 1  # the end of a line is what it was on old Macs
            self.head, rest = self.head[:end], self.head[end:]
            self.stream = io.BufferedReader(Joined(rest, self.stream))
            return
        self.head += self.stream.readline(LONGEST)
        self.head += self.stream.read(-len(self.head) % WIDEST)

    def head_text(self) -> TextFile:
        """Return the head as a text file, in the encoding that it shows.

        Raises DataError where it is no text.
        """
        source = Source(self.name, None, self.head)
        found = self.given or shown(self.head[:FIRST])
        if found is not None:
            if self.given is None and found != "utf-8":
                self.guesses.append(as_bytes_show(self.name, found))
            return TextFile(source, found)
        try:
            self._check_lines()
        except NotUtf8Error as error:
            found, example = fallback(source, error)
            found = self._usual or found
            self.guesses.append(single_bytes(self.name, found, example))
            return TextFile(source, found)
        self._is_open = self.head.isascii()
        return TextFile(source)

    @property
    def _usual(self) -> str | None:
        return None if self.usual is None or self.usual.startswith("utf") else self.usual

    def _check_lines(self) -> None:
        """Raise NotUtf8Error, with its place, where the head is not UTF-8."""
        if not is_utf8(self.head):
            for number, line in enumerate(lines_of(io.BytesIO(self.head)), start=1):
                decoded(self.name, line.replace(b"\0", b""), number)

    def open(self, text: TextFile) -> BinaryIO:
        """Return a stream of the whole file, head and all, in UTF-8; once.

        text  the head, in the encoding and with the line ends that were found
        """
        return text.recoded(io.BufferedReader(Joined(self.head, self.stream)))

    def as_utf8(self, block: bytes) -> bytes:
        """Return a block of what `open` gives, whole lines, decoded where it is not UTF-8.

        Where everything was ASCII up to here, what comes first beyond it shows the encoding.
        """
        if self._is_open and not block.isascii():
            self._is_open = False
            if not is_utf8(block):
                self._late = self._usual or ("latin-1" if UNDEFINED.search(block) else "cp1252")
                word = WORD.search(block)
                example = quoted(word[0].decode(self._late, "replace")) if word else ""
                self.guesses.append(single_bytes(self.name, self._late, example))
        if self._late is None:
            return block
        try:
            return block.decode(self._late).encode()
        except UnicodeDecodeError as error:
            raise DataError(f"{self.name}: not {self._late} text: {error.reason}") from None
