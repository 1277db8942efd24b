"""What is known of a run from its manifest and its lock: whether it is one, and how it is."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from mlpcli.errors import FileError
from mlpcli.runs.files import Folder
from mlpcli.runs.lock import is_locked
from mlpcli.runs.names import MANIFEST, METRICS

FORMAT = "mlp-run-1"
STATUSES = ("running", "done", "interrupted", "diverged", "failed")
HEX_DIGITS = 64  # of a SHA-256


def read_manifest(folder: Folder) -> dict[str, Any] | None:
    """Return a run's manifest; None where there is none, or one that is not of mlp."""
    try:
        document = json.loads(folder.read(MANIFEST) or b"null")
    except (FileError, ValueError, RecursionError):
        return None
    return document if is_mlp_manifest(document) else None


def is_mlp_manifest(document: object) -> bool:
    """Whether a document is what mlp writes into a manifest, in this version or an older one."""
    if not isinstance(document, dict) or document.get("format", FORMAT) != FORMAT:
        return False
    machine, data = document.get("machine"), document.get("data")
    if not (isinstance(machine, dict) and isinstance(data, dict)):
        return False
    hashes = data.get("sha256")
    return (
        document.get("status") in STATUSES
        and isinstance(document.get("command"), list)
        and isinstance(document.get("pid"), int)
        and isinstance(machine.get("mlp"), str)
        and isinstance(data.get("split"), dict)
        and isinstance(hashes, dict)
        and bool(hashes)
        and all(isinstance(h, str) and len(h) == HEX_DIGITS for h in hashes.values())
    )


def is_dead(manifest: dict[str, Any], directory: Path) -> bool:
    """Whether a run says that it is running, and no process trains it."""
    if manifest["status"] != "running":
        return False
    held = is_locked(directory)
    return not held if held is not None else process_of(manifest) is None


def process_of(manifest: dict[str, Any]) -> str | None:
    """Return the process that a manifest names, in words; None where that has ended."""
    host, pid = manifest.get("host"), manifest["pid"]
    if host == os.uname().nodename:
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError, ValueError):
            return None
        except OSError:  # of another user
            pass
    return f"process {pid} on {host}" if isinstance(host, str) else f"process {pid}"


def resume_command(directory: Path) -> str:
    """Return the command that goes on with a run."""
    from shlex import quote

    path = str(directory)
    return f"mlp train --resume {quote(f'./{path}' if path.startswith('-') else path)}"


def why_no_model(directory: Path) -> str:
    """Return why there is no model in a directory, as the end of a sentence."""
    manifest = _manifest_in(directory)
    if manifest is None:
        return ""
    status = manifest["status"]
    if status == "running":
        if not is_dead(manifest, directory):
            process = process_of(manifest) or "a process"
            return f": the run in it is training ({process}) and has none yet"
        epoch = _epochs_in(directory) + 1
        return f"; the run was killed in epoch {epoch}: {resume_command(directory)} goes on"
    if status == "failed":
        result = manifest.get("result")
        why = result.get("error") if isinstance(result, dict) else None
        return "; the run failed" + (f": {' '.join(why.split())}" if isinstance(why, str) else "")
    if status == "interrupted":
        advice = f"{resume_command(directory)} goes on"
        return f"; the run was interrupted before it had one: {advice}"
    return f"; its manifest says {status!r}"


def why_not_final(directory: Path, epochs: object) -> str:
    """Return in a sentence why a run's model is not the one that it is to end with.

    epochs  that the model was trained for, as its file says
    The empty string: it is, or the directory is no run.
    """
    manifest = _manifest_in(directory)
    if manifest is None or manifest["status"] != "running":
        return ""
    dead, trained = is_dead(manifest, directory), _epochs_in(directory)
    process = process_of(manifest) or "a process"
    if trained == epochs:  # the model is written a moment before the manifest
        how = "the run was killed before its end" if dead else f"the run is training ({process})"
    else:
        before = f"the model is the one of before, of {epochs} epochs ({METRICS}: {trained})"
        how = "the run was killed after it had gone on" if dead else f"the run goes on ({process})"
        how = f"{how}: {before}"
    return f"{directory}: {how}" + (f"; {resume_command(directory)} goes on" if dead else "")


def _manifest_in(directory: Path) -> dict[str, Any] | None:
    with contextlib.suppress(FileError), Folder(directory) as folder:
        return read_manifest(folder)
    return None


def _epochs_in(directory: Path) -> int:
    """Return how many epochs a run's metrics file has whole lines of."""
    with contextlib.suppress(OSError):
        return max(0, (directory / METRICS).read_bytes().count(b"\n") - 1)
    return 0
