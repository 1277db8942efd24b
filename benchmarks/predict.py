"""Predictions of ten million rows from a pipe, beside a script of scikit-learn's that reads chunks.

python benchmarks/predict.py [--rows 10000000] [--rounds 3] [--table mixed] [--json]

Both have the same network and scaling: `mlp` trains it on 20,000 rows, and its weights are put into
scikit-learn's StandardScaler, OneHotEncoder and MLPClassifier. The script is what somebody careful
writes: `read_csv` in chunks of 100,000 rows, `predict_proba` of a pipeline, `to_csv` of the class
and its probabilities. A third program writes the rows into the pipe; the output goes to /dev/null.
Shown are processor seconds (user and system) and the largest resident memory of each program; on
a few thousand rows the script checks first that both predict the same.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
BLOCK = 20_000  # different rows; longer tables have them again and again
NUMBERS, KINDS = 8, ("north", "south", "east", "west", "centre")
SPEC = """
data: {path: train.csv, target: kind_of, scale: standard, exclude: []}
model: {layers: [{units: 64, activation: relu}, {units: 32, activation: relu}]}
training: {epochs: 5, batch_size: 256}
"""
WRITER = """
import os, sys
header = open(sys.argv[1], "rb").read()
block, n = open(sys.argv[2], "rb").read(), int(sys.argv[3])
os.write(1, header)
for _ in range(n):
    for k in range(0, len(block), 4096):  # a write of so many bytes is whole, or is not
        os.write(1, block[k : k + 4096])
"""
PEER = """
import pickle, sys
import pandas as pd
with open(sys.argv[1], "rb") as file:
    pipeline = pickle.load(file)
first = True
for chunk in pd.read_csv(sys.stdin, chunksize=100_000):
    chances = pipeline.predict_proba(chunk)
    labels = pipeline.classes_[chances.argmax(axis=1)]
    out = pd.DataFrame(chances, columns=[f"probability_{c}" for c in pipeline.classes_])
    out.insert(0, "prediction", labels)
    out.to_csv(sys.stdout, index=False, header=first)
    first = False
"""


def write_tables(folder: Path, *, mixed: bool) -> None:
    """Write the table that is trained on, and a block of rows without the target."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(BLOCK, NUMBERS)) * 10.0 ** rng.integers(-1, 4, NUMBERS)
    texts = [[f"{x:.4g}" for x in row] for row in values]
    names = [f"x{k}" for k in range(NUMBERS)]
    where = rng.integers(0, len(KINDS), BLOCK)
    if mixed:
        names += ["where", "weekday"]
        days = rng.integers(0, 7, BLOCK)
        texts = [[*row, KINDS[w], f"day {d}"] for row, w, d in zip(texts, where, days, strict=True)]
    z = values / values.std(axis=0)
    score = z[:, 0] * z[:, 1] + z[:, 2] + 0.5 * where * mixed
    labels = np.array(["low", "middle", "high"])[np.digitize(score, np.quantile(score, [0.3, 0.7]))]
    lines = [",".join(row) for row in texts]
    (folder / "block.csv").write_text("\n".join(lines) + "\n", "ascii")
    (folder / "header.csv").write_text(",".join(names) + "\n", "ascii")
    (folder / "few.csv").write_text("\n".join([",".join(names), *lines[:5000]]) + "\n", "ascii")
    train = [f"{line},{label}" for line, label in zip(lines, labels, strict=True)]
    (folder / "train.csv").write_text("\n".join([",".join([*names, "kind_of"]), *train]) + "\n")
    (folder / "spec.yaml").write_text(SPEC, "ascii")


def write_pipeline(folder: Path) -> None:
    """Put the trained network into a pipeline of scikit-learn's."""
    import pickle

    from sklearn.compose import ColumnTransformer
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from mlpcli.data.encoders import NumericColumn
    from mlpcli.runs.model_file import load_model

    model = load_model(folder / "run" / "model.safetensors")
    encoders, table = model.encoding.inputs.columns, _read(folder / "train.csv")
    numeric = [each for each in encoders if isinstance(each, NumericColumn)]
    names = [each.name for each in numeric]
    scaler = StandardScaler().fit(table[names])
    scaler.mean_ = np.array([each.shift for each in numeric])
    scaler.scale_ = np.array([each.scale for each in numeric])
    others = [each for each in encoders if not isinstance(each, NumericColumn)]
    steps: list[Any] = [("numbers", scaler, names)]
    categories: list[Any] = [list(each.categories) for each in others]
    if others:
        one_hot = OneHotEncoder(categories=categories, handle_unknown="ignore", sparse_output=False)
        steps.append(("categories", one_hot, [each.name for each in others]))
    columns = ColumnTransformer(steps).fit(table)
    columns.named_transformers_["numbers"].mean_ = scaler.mean_
    columns.named_transformers_["numbers"].scale_ = scaler.scale_
    network, layout = model.network, model.network.architecture.layout
    hidden = tuple(layer.units for layer in network.architecture.hidden)
    classes = np.array(model.encoding.target.classes)
    net = MLPClassifier(hidden, max_iter=1).fit(columns.transform(table[:600]), table.kind_of[:600])
    vector = network.vector.astype(np.float64)
    shapes = [W.shape for W in layout.weights]
    net.coefs_ = [vector[W.start : W.stop].reshape(W.shape) for W in layout.weights]
    net.intercepts_ = [vector[b.start : b.stop] for b in layout.biases]
    net.coefs_[-1] = net.coefs_[-1] / model.temperature  # softmax(u / T)
    net.intercepts_[-1] = net.intercepts_[-1] / model.temperature
    assert [W.shape for W in net.coefs_] == shapes
    assert (net.classes_ == classes).all()
    with (folder / "pipeline.pickle").open("wb") as file:
        pickle.dump(Pipeline([("columns", columns), ("net", net)]), file)


def _read(path: Path) -> Any:
    import pandas as pd

    return pd.read_csv(path)


def check_same(folder: Path, commands: dict[str, list[str]]) -> float:
    """Return the largest difference of probabilities, having checked that it is rounding."""
    found = []
    for command in commands.values():
        with (folder / "few.csv").open("rb") as file:
            done = subprocess.run(command, stdin=file, capture_output=True, check=True, cwd=folder)
        (folder / "out.csv").write_bytes(done.stdout)
        found.append(_read(folder / "out.csv"))
    ours, theirs = found
    chances = list(ours)[1:]
    difference = float(np.abs(ours[chances] - theirs[chances]).to_numpy().max())
    assert difference < 1e-4, difference
    assert (ours.prediction == theirs.prediction).mean() > 0.999
    return difference


def measure(folder: Path, command: list[str], rows: int) -> dict[str, float]:
    """Return seconds and memory of a command that reads so many rows from a pipe."""
    words = [sys.executable, "-c", WRITER, "header.csv", "block.csv", str(rows // BLOCK)]
    started = time.monotonic()
    with (
        subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE) as writer,
        Path(os.devnull).open("wb") as nowhere,
    ):
        reader = subprocess.Popen(command, cwd=folder, stdin=writer.stdout, stdout=nowhere)
        assert writer.stdout is not None
        writer.stdout.close()
        _, status, usage = os.wait4(reader.pid, 0)
        reader.returncode = os.waitstatus_to_exitcode(status)
    assert reader.returncode == 0, command
    return {
        "processor": usage.ru_utime + usage.ru_stime,
        "wall": time.monotonic() - started,
        "mebibytes": usage.ru_maxrss / 1024,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--table", choices=["mixed", "numbers"], default="mixed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for name in ("OPENBLAS", "OMP"):
        os.environ[f"{name}_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(folder, mixed=options.table == "mixed")
        mlp = [sys.executable, "-m", "mlpcli"]
        os.environ["PYTHONPATH"] = str(ROOT)
        train = [*mlp, "train", "spec.yaml", "--run-dir", "run", "--json"]
        subprocess.run(train, cwd=folder, check=True, capture_output=True)
        write_pipeline(folder)
        commands = {
            "mlp": [*mlp, "predict", "run", "-", "-q"],
            "scikit-learn": [sys.executable, "-c", PEER, "pipeline.pickle"],
        }
        difference = check_same(folder, commands)
        found: dict[str, list[dict[str, float]]] = {each: [] for each in commands}
        for _ in range(options.rounds):
            for each, command in commands.items():
                found[each].append(measure(folder, command, options.rows))
    ratios = [
        theirs["processor"] / ours["processor"]
        for ours, theirs in zip(found["mlp"], found["scikit-learn"], strict=True)
    ]
    result = {
        "rows": options.rows,
        "table": options.table,
        "difference": difference,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "runs": found,
    }
    if options.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{options.rows:,} rows, {options.table}; probabilities differ by {difference:.1e}")
    for each, runs in found.items():
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        print(
            f"{each:14}{middle['processor']:8.1f} s of processor{middle['wall']:8.1f} s"
            f"{middle['mebibytes']:8.0f} MiB"
        )
    print(f"ratio of processor seconds: {result['ratio']:.2f}")


if __name__ == "__main__":
    main()
