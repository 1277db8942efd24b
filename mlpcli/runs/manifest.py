"""manifest.json: what was run, on what, with what, and how it ended."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli import __version__
from mlpcli.data.dataset import Dataset
from mlpcli.data.splitting import PARTS
from mlpcli.plain import without_nan
from mlpcli.runs.failing_disk import RunFiles
from mlpcli.runs.names import MANIFEST
from mlpcli.runs.status import FORMAT
from mlpcli.spec.schema import Spec

RESULT_BYTES, REPLICA_BYTES = 16_384, 1_024  # a result has some 3,000, and 500 for each replica


def describe_machine() -> dict[str, Any]:
    """Return versions, CPU, BLAS and threads: what besides spec and data decides the bits."""
    system = platform.uname()
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "mlp": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pandas": version("pandas"),
        # platform.platform() runs the program `uname` for the processor, 3 ms of a training.
        "platform": f"{system.system}-{system.release}-{system.machine}",
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "blas": f"{blas.get('name')} {blas.get('version')}",
        "blas_kernel": _blas_kernel(),
        "blas_threads": int(os.environ.get("OPENBLAS_NUM_THREADS", "0")) or None,
    }


def _blas_kernel() -> str | None:
    """Return the processor whose kernels OpenBLAS has chosen, or None: others give other bits."""
    import ctypes
    from importlib import import_module

    try:
        linked = import_module("numpy._core._multiarray_umath").__file__
        core_name = ctypes.CDLL(linked).scipy_openblas_get_corename64_
    except (ImportError, OSError, AttributeError):  # another BLAS, or one with other names
        return None
    core_name.restype = ctypes.c_char_p
    name: bytes = core_name()
    return name.decode("ascii", "replace")


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def describe_data(spec: Spec, dataset: Dataset) -> dict[str, Any]:
    """Return the files with their SHA-256, and the rows of each part, numbered as in the file."""
    seed = spec.data.split.seed
    split: dict[str, Any] = {"rows": {name: len(part) for name, part in dataset.parts.items()}}
    if dataset.codes is not None:
        # The training rows are all the others: listing them too would say it twice.
        split["indices"] = {
            name: np.flatnonzero(dataset.codes == code).tolist()
            for code, name in enumerate(PARTS)
            if name != "train" and name in dataset.parts
        }
    return {
        "task": dataset.encoding.task,
        "files": {part: table.name for part, table in dataset.tables.items()},
        "sha256": dataset.sha256,
        "rows_left_out": {
            part: table.n_file_rows - len(table) for part, table in dataset.tables.items()
        },
        "features": dataset.encoding.inputs.n_features,
        "replaced": dataset.replaced,
        "split": {"seed": spec.seed if seed is None else seed, **split},
    }


class Manifest:
    """The manifest of one run, rewritten whole each time something changes.

    Room for the last one is reserved on the disk. Raises FileError where the first has none.

    spec      resolved
    sessions  of the processes that have trained it before: started, ended, command, epochs of each
    """

    def __init__(
        self,
        files: RunFiles,
        spec: Spec,
        dataset: Dataset,
        sessions: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.files = files
        self.document: dict[str, Any] = {
            "format": FORMAT,
            "status": "running",
            "host": os.uname().nodename,
            "pid": os.getpid(),
            "command": sys.argv,
            "started": _now(),
            "ended": None,
            **({"sessions": list(sessions)} if sessions else {}),
            "machine": describe_machine(),
            "spec": spec.model_dump(),
            "data": describe_data(spec, dataset),
            "result": None,
        }
        replicas = 0 if spec.replicated is None else spec.replicated.replicas
        content = self.content()
        files.begin(MANIFEST, content, len(content) + RESULT_BYTES + replicas * REPLICA_BYTES)

    def end(self, status: str, result: dict[str, Any]) -> None:
        """Write down how it ended: done, interrupted, diverged or failed."""
        self.document |= {"status": status, "ended": _now(), "result": result}
        self.write()

    def write(self) -> None:
        """Write the file; where the disk refuses, it waits."""
        self.files.write(MANIFEST, self.content())

    def content(self) -> bytes:
        """Return the file's bytes."""
        text = json.dumps(without_nan(self.document), indent=1, ensure_ascii=False)
        # A file name that is not UTF-8 is text with surrogates; JSON has escapes for them.
        return (text + "\n").encode(errors="backslashreplace")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
