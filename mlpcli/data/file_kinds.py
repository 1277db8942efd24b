"""What a file's first bytes look like, where that is not what its name says."""

from __future__ import annotations

import re

START = 4096  # bytes that are looked at
RENAME = "give it a name that ends in "
AS_CSV = "export its table as CSV"
UNPACK = "unpack it first, as in: "
ZIP = b"PK\x03\x04"

# (first bytes, what they are of, what to do); FILE stands for the name.
BINARY = [
    (rb"PAR1", "parquet", RENAME + ".parquet"),
    (rb"\x93NUMPY", "a NumPy array, .npy", "save it with numpy.savez, as .npz"),
    (rb"\x1f\x8b", "a file packed twice by gzip", "unpack it once, as in: gunzip FILE"),
    (rb"%PDF", "a PDF", "save its table as CSV"),
    (rb"\{\\rtf", "a text document, RTF", "save its table as CSV"),
    (rb"\xd0\xcf\x11\xe0", "an old Excel workbook, .xls", "save the sheet as CSV"),
    (rb"SQLite format 3\0", "an SQLite database", AS_CSV),
    (rb"(ARROW1|FEA1)", "an Arrow or Feather file", "save it as parquet or CSV"),
    (rb"\x89HDF", "an HDF5 file", AS_CSV),
    (rb"Obj\x01", "an Avro file", AS_CSV),
    (rb"\$FL2|\xc1\xe2\xc3\xd3", "an SPSS file", AS_CSV),
    (rb"<stata_dta>", "a Stata file", AS_CSV),
    (rb"RD[AX][23]\n", "an R data file", "save it with write.csv"),
    (rb"BZh[1-9]1AY&SY", "a file packed by bzip2", UNPACK + "bunzip2 FILE"),
    (rb"\xfd7zXZ\0", "a file packed by xz", UNPACK + "unxz FILE"),
    (rb"\x28\xb5\x2f\xfd", "a file packed by Zstandard", UNPACK + "unzstd FILE"),
    (rb"7z\xbc\xaf", "a 7-Zip archive", UNPACK + "7z x FILE"),
    (rb"Rar!", "a RAR archive", UNPACK + "unrar x FILE"),
    (rb"(?s:.{257})ustar", "a tar archive", UNPACK + "tar xf FILE"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8", "an image", "a table of its pixels is needed"),
    (rb"\x80[\x02-\x05][\x95}\]c(]", "a pickle, which is never read", AS_CSV),
]
TEXT = [
    (rb"<(!doctype html|html|head|body)", "a web page", "download the table, not the page on it"),
    (rb"<\?xml", "XML", AS_CSV),
    (rb"\[\s*[{\[]", "one JSON array", "write an object a line, as in: jq -c '.[]' FILE > d.jsonl"),
    (rb"\{\s*(\"|\Z)", "JSON lines", RENAME + ".jsonl"),
]
ARCHIVES = [
    (b".npy", "NumPy's .npz", RENAME + ".npz"),
    (b"mimetypeapplication/vnd.oasis", "a LibreOffice document", "save the sheet as CSV"),
    (b"[Content_Types].xml", "an Excel workbook", "save the sheet as CSV"),
    (b"xl/", "an Excel workbook", "save the sheet as CSV"),
    (b"", "a zip archive", "unpack it first, as in: unzip FILE"),
]
SPEC = ("a spec, not a table", "name the table, and the spec where a spec is asked for")
SPEC_KEY = re.compile(rb"^data: *(\{.*)?\r?$", re.MULTILINE)
ANY_BINARY = re.compile(b"|".join(b"(?:%s)" % pattern for pattern, _, _ in BINARY))
ANY_TEXT = re.compile(b"|".join(b"(?:%s)" % pattern for pattern, _, _ in TEXT), re.IGNORECASE)
FITS = {"parquet": "parquet", "npz": "NumPy's .npz", "jsonl": "JSON lines"}


def kind_of(start: bytes) -> tuple[str, str] | None:
    """Return what a file looks like, and what to do with it; None for what may be CSV.

    start  its first bytes, uncompressed

    >>> kind_of(b"%PDF-1.7"), kind_of(b"a,b")
    (('a PDF', 'save its table as CSV'), None)
    """
    if start.startswith(ZIP):
        return next((what, todo) for mark, what, todo in ARCHIVES if mark in start)
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    for any_of, kinds, first in ((ANY_BINARY, BINARY, start), (ANY_TEXT, TEXT, text)):
        if any_of.match(first):
            flags = 0 if kinds is BINARY else re.IGNORECASE
            return next((w, todo) for p, w, todo in kinds if re.match(p, first, flags))
    return SPEC if b"data:" in start and SPEC_KEY.search(start) else None


def misfit(start: bytes, reader: str, file: str) -> str:
    """Return what a file looks like, and what to do, where its reader is for another kind.

    start   the first bytes, uncompressed
    reader  by the name of the file
    """
    found = kind_of(start)
    if found is None:
        is_text = start.strip() and b"\n" in start and b"\0" not in start
        if is_text and reader in FITS and not start.lstrip().startswith((b"{", b"[")):
            return f"looks like CSV; {RENAME}.csv"
        return ""
    what, todo = found
    if FITS.get(reader) == what or (reader == "npz" and what == "a zip archive"):
        return ""
    return f"looks like {what}; {todo.replace('FILE', file)}"
