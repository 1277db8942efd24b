"""How to do it again: the command, the spec, the machine, the data's SHA-256."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from mlpcli.report.blocks import Block, Facts, Section, Text
from mlpcli.report.reported_run import ReportedRun
from mlpcli.runs.names import SPEC
from mlpcli.spec.write import spec_to_yaml


def reproduce(run: ReportedRun) -> Section:
    """Return the section that says how to do it again."""
    blocks: list[Block] = []
    command = _command(run.manifest)
    if command:
        blocks += [Text("The run was trained by this command:"), Text(command, code=True)]
    if run.manifest:
        folder, spec, beside = again_paths(run.name)
        again = [
            shlex.join(["mlp", "replay", folder]),
            shlex.join(["mlp", "train", spec, "--run-dir", beside]),
        ]
        blocks += [
            Text("To train it again and compare every bit, or to train the same once more:"),
            Text("\n".join(again), code=True),
        ]
    blocks.append(Facts(list(_facts(run))))
    text = spec_to_yaml(run.model.spec)
    blocks.append(Text(text, code=True, folded="The spec, every default written out"))
    return Section("reproduce", "To do it again", blocks)


def again_paths(name: str) -> tuple[str, str, str]:
    """Return a run's directory, its spec and a directory beside it, seen from where the user is.

    >>> again_paths("runs/iris/")
    ('runs/iris', 'runs/iris/spec.yaml', 'runs/iris-again')
    """
    folder = Path(os.path.normpath(name))
    last = Path(os.path.abspath(folder)).name  # noqa: PTH100  a link's own name
    beside = os.path.normpath(folder / os.pardir / f"{last}-again")
    dash = "./" if name.startswith("-") else ""  # no option
    return f"{dash}{folder}", f"{dash}{folder / SPEC}", f"{dash}{beside}"


def _command(manifest: dict[str, Any]) -> str:
    """Return the command of a run, as a shell takes it; empty where it is not known."""
    words = manifest.get("command")
    if not isinstance(words, list) or not words:
        return ""
    return shlex.join(["mlp", *map(str, words[1:])])


def _facts(run: ReportedRun) -> list[tuple[str, object, str]]:
    manifest, model = run.manifest, run.model
    machine: dict[str, Any] = manifest.get("machine") or {}
    files: dict[str, str] = (manifest.get("data") or {}).get("files") or {}
    facts: list[tuple[str, object, str]] = [
        (
            f"SHA-256 of {Path(files[part]).name if part in files else part}",
            sha256,
            files.get(part, ""),
        )
        for part, sha256 in model.sha256.items()
    ]
    facts += [("seed", str(model.spec.seed), ""), ("model", str(run.path), "")]
    if manifest:
        result = manifest.get("result") or {}
        words = [str(word) for word in (manifest.get("status"), result.get("reason")) if word]
        how = ": ".join(dict.fromkeys(words))
        facts += [
            ("began", str(manifest.get("started")), ""),
            ("ended", str(manifest.get("ended")), how),
        ]
    names = {
        "mlp": "mlp",
        "python": "Python",
        "numpy": "NumPy",
        "pandas": "pandas",
        "platform": "system",
        "cpu": "processor",
        "cores": "cores",
        "blas": "BLAS",
        "blas_kernel": "BLAS kernel",
    }
    return facts + [(names[k], str(machine[k]), "") for k in names if machine.get(k) is not None]
