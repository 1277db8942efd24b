"""What benchmarks/quality.py runs and is to reach. The standard library only, for all Pythons.

To change what mlp is measured with, edit SPECS: `python benchmarks/quality.py --tools mlp` measures
the specs that changed; with --again, after a change of the code, all of mlp's part. The peers' runs
are kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "quality.md"
STORED = ROOT / "benchmarks" / "quality.json"
FOLDER = ROOT / "runs" / "quality"  # of tables and of the log, by default
SPLITS = (0, 1, 2)
MOST_CPU_SECONDS = 900  # of one run; then it is stopped, and the table counts without it

SMALLEST, RECOMMENDED, STRONG = "mlp smallest", "mlp recommended", "mlp strong"
# Two layers and bins fitted to the target: docs/decisions/0030 and 0031 have what was measured.
MODEL = {
    "layers": [{"units": 128, "activation": "relu"}, {"units": 64, "activation": "relu"}],
    "embedding": {"name": "piecewise_linear", "bins": 16, "by": "target", "min_rows": 16},
}
# What each spec says beside the four lines that name the file, the target and the split.
# Chosen by validation rows of tables that are not held back.
SPECS: dict[str, dict[str, Any]] = {
    SMALLEST: {},
    RECOMMENDED: {
        "model": MODEL,
        "training": {"optimizer": {"name": "adam", "learning_rate": 0.002}},
    },
    STRONG: {
        "model": MODEL,
        "training": {
            "optimizer": {"name": "adam", "learning_rate": 0.003},
            "early_stopping": {"patience": 10},
        },
        "ensemble": {"kind": "seeds", "replicas": 4},
        "runtime": {"threads": 1},
    },
}

CONSTANT, SCIKIT, LIGHTGBM = "constant", "scikit-learn", "lightgbm"
ALONE = "scikit-learn-train"
STOPPED, REALMLP, TABM = "lightgbm-stopped", "realmlp-td-s", "tabm-d"
PEERS = (CONSTANT, SCIKIT, ALONE, LIGHTGBM, STOPPED, REALMLP, TABM)
TOOLS = (*SPECS, *PEERS)
NAMES = {
    CONSTANT: "constant prediction",
    SCIKIT: "scikit-learn MLP",
    ALONE: "scikit-learn MLP, train rows alone",
    LIGHTGBM: "LightGBM",
    STOPPED: "LightGBM, early stopping",
    REALMLP: "RealMLP-TD-S",
    TABM: "TabM (TabM_D)",
}
# Rows of the largest table that a tool gets: PyTorch's TabM takes minutes on one core above it.
MOST_ROWS = {TABM: 5000}


@dataclass(frozen=True)
class Goal:
    """The ratio of two tools' test losses, or processor seconds, that is to be reached."""

    tool: str
    reference: str
    most: float
    figure: str = "loss"


GOALS = (
    Goal(SMALLEST, SCIKIT, 0.92),
    Goal(SMALLEST, ALONE, 0.92),
    Goal(STRONG, LIGHTGBM, 0.95),
    Goal(STRONG, REALMLP, 1.0),
    Goal(STRONG, REALMLP, 0.1, "fit_cpu_seconds"),
)


def spec_text(spec: dict[str, Any], path: Path, target: str, seed: int) -> str:
    """Return the file of one of SPECS; JSON's scalars and braces are YAML.

    seed  of the split; the smallest spec says none, so its own is the default
    """
    lines = ["data:", f"  path: {json.dumps(str(path))}", f"  target: {json.dumps(target)}"]
    lines += ["  split: {column: split}"]
    extra = {key: dict(value) for key, value in spec.items()}
    for name, value in extra.pop("data", {}).items():
        lines.append(f"  {name}: {json.dumps(value)}")
    if spec:
        lines.insert(0, f"seed: {seed}")
    lines += [f"{section}: {json.dumps(value)}" for section, value in extra.items()]
    return "\n".join(lines) + "\n"
