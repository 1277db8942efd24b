"""The run directory: made exclusively; overwritten only with --force."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlpcli.errors import BusyError, FileError, RunError, UsageError
from mlpcli.runs.files import Folder
from mlpcli.similar_files import did_you_mean

SPEC, MANIFEST, METRICS, MODEL = "spec.yaml", "manifest.json", "metrics.csv", "model.safetensors"
REPLICAS = "replicas.csv"
OURS = (SPEC, METRICS, REPLICAS, MODEL, MANIFEST)


@dataclass
class RunDirectory:
    """A run's directory, kept from other runs by its lock.

    path    as it was named, or chosen
    folder  where the run's files are written
    """

    path: Path
    folder: Folder


@contextmanager
def run_directory(
    name: str, chosen: str | None, *, force: bool = False, resume: bool = False
) -> Iterator[RunDirectory]:
    """Make a run's directory, and keep it from other runs as long as the context lasts.

    name    of the spec; the directory is runs/NAME-YYYYMMDD-HHMMSS, with a number if need be
    chosen  a directory to use instead; it must be new or empty
    force   use it even so: a run's own files in it are removed first, nothing else is
    resume  use it as it is, whatever is in it
    """
    with _named():
        path = _new(name) if chosen is None else _chosen(Path(chosen))
        folder = Folder(path)
        _lock(folder)
    try:
        if chosen is not None and not resume:
            with _named():
                _clear(path, force=force)
        if not resume:
            folder.sweep()
        yield RunDirectory(path, folder)
    finally:
        folder.close()


@contextmanager
def _named() -> Iterator[None]:
    """Turn an OSError into a FileError that names the file."""
    try:
        yield
    except OSError as error:
        raise FileError(f"{error.filename}: {error.strerror}") from None


def _new(name: str) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1000):
        path = Path("runs") / f"{name}-{stamp}{'' if number == 1 else f'-{number}'}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return path
    raise FileError(f"runs/{name}-{stamp}: a thousand runs began in this second")


def _chosen(path: Path) -> Path:
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        if not path.is_dir():
            raise UsageError(f"{path}: is a file, not a directory") from None
    return path


def _lock(folder: Folder) -> None:
    """Take the directory's lock: it goes with the process, however it ends."""
    try:
        fcntl.flock(folder.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        folder.close()
        raise BusyError(
            f"{folder.path}: another run is training into it; choose another --run-dir"
        ) from None
    except OSError:  # a file system without locks
        pass


def _clear(path: Path, *, force: bool) -> None:
    """Remove a run's files where there are any, and where that is wanted."""
    found = {each.name for each in path.iterdir()}
    if found and not force:
        raise UsageError(
            f"{path}: there is something in it already; choose another --run-dir, or "
            "--force to replace the run in it"
        )
    ours = [name for name in OURS if name in found]
    # The manifest is what a run has first and loses last.
    if ours and MANIFEST not in found:
        raise UsageError(
            f"{path}: there is a {ours[0]} in it, but no {MANIFEST}: that is no run, and --force "
            "replaces runs; choose another --run-dir"
        )
    for name in ours:
        (path / name).unlink(missing_ok=True)


def find_model(run: str) -> Path:
    """Return the model file of a RUN, which is a run directory or a model file."""
    path = Path(run)
    try:
        if path.is_dir():
            if not (path / MODEL).is_file():
                raise RunError(f"{path}: there is no {MODEL} in this directory{_status(path)}")
            return path / MODEL
        if not path.exists():
            hint = did_you_mean(run, _is_run)
            raise RunError(f"{path}: there is no such run directory or model file{hint}")
        if not path.is_file():  # a pipe would be waited for
            raise RunError(f"{path}: is neither a run directory nor a regular file")
    except (OSError, ValueError) as error:
        raise RunError(f"{run!r}: {getattr(error, 'strerror', None) or error}") from None
    return path


def _is_run(path: Path) -> bool:
    return path.suffix == Path(MODEL).suffix or (path / MODEL).is_file()


def _status(path: Path) -> str:
    """Return what a run's manifest says of a run that has no model."""
    try:
        manifest = json.loads((path / MANIFEST).read_text("utf-8"))
        status = manifest["status"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return ""
    if status == "failed":
        result = manifest.get("result")
        why = result.get("error") if isinstance(result, dict) else None
        return "; the run failed" + (f": {' '.join(why.split())}" if isinstance(why, str) else "")
    if status == "interrupted":
        return "; the run was interrupted before it had one"
    says = f"; its manifest says {status!r}"
    return f"{says}: the run goes on, or was killed" if status == "running" else says
