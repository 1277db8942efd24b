"""The seal of a safetensors file: a SHA-256 of all its bytes, in its own header.

The first entry of the header's metadata is `"sha256":"<64 hexadecimal digits>"`: the SHA-256 of the
whole file with these digits as zeros. It is always at the same place, so it is found and checked
before anything of the file is parsed.
"""

from __future__ import annotations

import hashlib
import re

LENGTH = 8  # bytes before the header, a little-endian number: how long it is
DIGITS = 64
START, ENTRY = b'{"__metadata__":{', b'"sha256":"'
SEAL = re.compile(re.escape(START + ENTRY) + rb'([0-9a-f]{64})",')


def seal(serialized: bytes) -> bytes:
    """Return a safetensors file with its seal: SHA-256 of the file with zeros as the digits.

    The entry is put in here, and not by who serializes: safetensors writes two entries of metadata
    in an order that differs from run to run, and equal trainings write equal bytes.

    serialized  from safetensors.numpy.save, with metadata that have no `sha256`; unchanged

    Raises ValueError where there are no metadata, or where they have one.
    """
    size = int.from_bytes(serialized[:LENGTH], "little")
    header, body = serialized[LENGTH : LENGTH + size], memoryview(serialized)[LENGTH + size :]
    if not header.startswith(START + b'"'):
        raise ValueError("a file without metadata cannot be sealed")
    if ENTRY in header:  # never inside a string: its quotes are escaped there
        raise ValueError("the seal is the only `sha256` of the metadata")
    rest = b'",' + header[len(START) :].rstrip(b" ")
    n = len(START) + len(ENTRY) + DIGITS + len(rest)
    rest += b" " * (-n % 8)  # tensors begin at a multiple of 8 bytes
    first = (n + -n % 8).to_bytes(LENGTH, "little") + START + ENTRY
    computed = hashlib.sha256(first + b"0" * DIGITS + rest)
    computed.update(body)
    return b"".join([first, computed.hexdigest().encode(), rest, body])


def check_seal(content: bytes) -> bool | None:
    """Whether a file is, byte for byte, as it was sealed; None where it has no seal.

    content  the whole file. Damage may have taken the seal away: who knows that the file should
             have one refuses None too
    """
    found = SEAL.match(content, LENGTH)
    if found is None:
        return None
    first, end = found.span(1)
    view = memoryview(content)  # slices of it are no copies
    computed = hashlib.sha256(view[:first])
    computed.update(b"0" * DIGITS)
    computed.update(view[end:])
    return computed.hexdigest().encode() == found[1]
