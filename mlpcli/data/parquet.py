"""A parquet file as a pandas frame, where its metadata say that it fits into the memory.

Its encodings repeat a value, or a run of them, in a few bytes: a kilobyte can be a billion rows.
"""

from __future__ import annotations

import io
from typing import Any

from mlpcli.data.source import Source
from mlpcli.data.unpacking import MOST_TIMES
from mlpcli.errors import DataError, MlpError, OutOfMemoryError, counted
from mlpcli.machine import in_bytes
from mlpcli.memory import FEW, FEWER, require

ITEM = 8  # bytes of a number, or of the place of a text
NO_ARROW = "reading parquet needs pyarrow: pip install 'mlpcli[parquet]'"
COPIES = 2  # as Arrow has the values, and as pandas does


def read_frame(source: Source) -> Any:
    """Return the file as a pandas frame; an index that has a name is a column.

    Raises DataError where it is no parquet; OutOfMemoryError where it holds too much.
    """
    import pandas as pd

    content = source.read()
    try:
        import pyarrow.parquet

        metadata = pyarrow.parquet.ParquetFile(io.BytesIO(content)).metadata
        repeated = _check_size(source.name, len(content), metadata)
        how = {"read_dictionary": repeated} if repeated else {}
        frame = pd.read_parquet(io.BytesIO(content), engine="pyarrow", **how)
        return frame.reset_index(drop=not any(frame.index.names))
    except ImportError:
        raise DataError(f"{source.name}: {NO_ARROW}") from None
    except (MlpError, MemoryError):  # pyarrow's own among them
        raise
    except Exception as error:  # noqa: BLE001  pyarrow raises many kinds
        raise unreadable(source.name, error) from None


def unreadable(name: str, error: Exception) -> DataError:
    """Return the error of a file in which pyarrow found something wrong."""
    why = (str(error).splitlines() or [type(error).__name__])[0][:200]
    why = why.removeprefix("Could not open Parquet input source '<Buffer>': ")
    return DataError(f"{name}: not a parquet file: {why}")


def check_times(name: str, n_file: int, metadata: Any) -> None:
    """Raise OutOfMemoryError where the columns are too many times the file."""
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    n = ITEM * sum(
        max(column.num_values, group.num_rows)
        for group in groups
        for column in map(group.column, range(group.num_columns))
    )
    if n > FEW and n > MOST_TIMES * n_file:
        what = _what(name, metadata)
        raise OutOfMemoryError(
            f"{what} in a file of {in_bytes(n_file)} take {in_bytes(n)}, over {MOST_TIMES} times "
            "as much, as files do that are made to fill the memory; a sound one has to be written "
            "as CSV first"
        )


def _what(name: str, metadata: Any) -> str:
    n_columns = metadata.row_group(0).num_columns if metadata.num_row_groups else 0
    return f"{name}: {counted(metadata.num_rows, 'row')} of {counted(n_columns, 'column')}"


def _check_size(name: str, n_file: int, metadata: Any) -> list[str]:
    """Return the columns of texts that the file has each once, and are to be read so.

    Raises OutOfMemoryError where the columns do not fit, or are too many times the file.
    """
    check_times(name, n_file, metadata)
    values: dict[str, int] = {}
    n_bytes: dict[str, int] = {}
    texts = set()
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            path = column.path_in_schema
            values[path] = values.get(path, 0) + max(column.num_values, group.num_rows)
            n_bytes[path] = n_bytes.get(path, 0) + column.total_uncompressed_size
            if column.physical_type == "BYTE_ARRAY":
                texts.add(path)
    n = sum(values.values()) * ITEM
    require(COPIES * (n + sum(n_bytes.values())), _what(name, metadata), FEWER)
    return [path for path in texts if n_bytes[path] < ITEM * values[path]]
