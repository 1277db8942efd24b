"""The run directory: made exclusively, never written over unless told to."""

from __future__ import annotations

import json
import time
from pathlib import Path

from mlpcli.errors import FileError, RunError, UsageError

SPEC, MANIFEST, METRICS, MODEL = "spec.yaml", "manifest.json", "metrics.csv", "model.safetensors"
REPLICAS = "replicas.csv"
OURS = (SPEC, MANIFEST, METRICS, REPLICAS, MODEL)


def create_run_directory(name: str, chosen: str | None, *, force: bool) -> Path:
    """Make and return a run's directory.

    name    of the spec; the directory is runs/NAME-YYYYMMDD-HHMMSS, with a number if need be
    chosen  a directory to use instead; it must be new or empty
    force   use it even so: a run's own files in it are removed first, nothing else is
    """
    try:
        if chosen is not None:
            return _use(Path(chosen), force=force)
        stamp = time.strftime("%Y%m%d-%H%M%S")
        for number in range(1, 1000):
            path = Path("runs") / f"{name}-{stamp}{'' if number == 1 else f'-{number}'}"
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise FileError(f"{error.filename}: {error.strerror}") from None
    raise FileError(f"runs/{name}-{stamp}: a thousand runs began in this second")


def _use(path: Path, *, force: bool) -> Path:
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        if not path.is_dir():
            raise UsageError(f"{path}: is a file, not a directory") from None
        if any(path.iterdir()):
            if not force:
                raise UsageError(
                    f"{path}: there is something in it already; choose another --run-dir, or "
                    "--force to replace the run in it"
                ) from None
            for name in OURS:
                (path / name).unlink(missing_ok=True)
    return path


def find_model(run: str) -> Path:
    """Return the model file of a RUN, which is a run directory or a model file."""
    path = Path(run)
    try:
        if path.is_dir():
            if not (path / MODEL).is_file():
                raise RunError(f"{path}: there is no {MODEL} in this directory{_status(path)}")
            return path / MODEL
        if not path.exists():
            raise RunError(f"{path}: there is no such run directory or model file")
        if not path.is_file():  # a pipe would be waited for
            raise RunError(f"{path}: is neither a run directory nor a regular file")
    except (OSError, ValueError) as error:
        raise RunError(f"{run!r}: {getattr(error, 'strerror', None) or error}") from None
    return path


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
