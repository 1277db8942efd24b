"""What the fuzzer changes: valid specs, tables, models, runs and studies, made in a folder."""

import gzip
import io
import itertools
import json
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
RICH = {
    "seed": 1,
    "data": {
        "path": "d.csv",
        "target": "species",
        "exclude": ["year", "price"],
        "columns": {"mass": {"name": "number"}},
        "split": {"validation": 0.2, "test": 0.2, "group": "island", "stratify": False},
        "scale": "standard",
        "categorical": ["date"],
        "missing": ["", "NA"],
        "class_weight": {"Adelie": 2.0},
        "sample_weight": "mass",
    },
    "model": {
        "input_keep_prob": 0.9,
        "layers": [
            {"units": 5, "activation": {"name": "leaky_relu", "slope": 0.1}, "norm": "batch"},
            {"units": 4, "activation": "prelu", "keep_prob": 0.8, "initializer": "orthogonal"},
        ],
        "embedding": {"name": "piecewise_linear", "bins": 4},
        "loss": {"name": "focal", "gamma": 1.5},
    },
    "training": {
        "epochs": 2,
        "batch_size": 16,
        "optimizer": {"name": "adamw", "λ": 0.01},
        "schedule": {"name": "cosine", "period": 2, "warmup": 1},
        "gradient_clipping": {"norm": 1.0},
        "weight_averaging": 0.5,
        "early_stopping": {"monitor": "val_accuracy", "patience": 2},
        "train_loss": "full",
        "metrics": ["accuracy", "f1"],
    },
    "regularization": {
        "α": 0.0001,
        "l1": 0.00001,
        "noise": {"input": 0.1, "labels": 0.1},
        "augmentation": [{"name": "mixup"}, {"name": "jitter"}],
    },
    "ensemble": {"kind": "bootstrap", "replicas": 2},
    "runtime": {"dtype": "float64", "threads": 1},
}
SWEEP = {
    "data": {"path": "d.csv", "target": "species"},
    "model": {"layers": [{"units": 4}]},
    "training": {"epochs": 3},
    "sweep": {
        "method": "random",
        "trials": 4,
        "pruning": {"min_epochs": 1, "factor": 2},
        "parameters": {
            "training.optimizer.learning_rate": {"log_uniform": [0.001, 0.1]},
            "model.layers[0].activation": {"choice": ["relu", "tanh"]},
        },
    },
}
TABLE = """\
species,island,bill,mass,year,date,price
Adelie,Torgersen,39.1,3750,2007,2007-11-11,"1,200.50 €"
Adelie,Biscoe,39.5,3800,2007,2007-11-12,"900.00 €"
Gentoo,Biscoe,46.1,4500,2008,2008-01-03,"1,050.00 €"
Chinstrap,Dream,46.5,3500,2008,2008-02-29,"70.25 €"
Gentoo,Biscoe,NA,5700,2009,2009-12-31,
Chinstrap,Dream,51.3,,2009,2009-06-01,"1,000,000.00 €"
"""


def tables():
    """Return tables as CSV by their names: shipped ones, cut short, and one of many kinds."""
    found = {}
    for name in ("iris", "penguins", "diabetes", "breast_cancer"):
        lines = (ROOT / "data" / f"{name}.csv").read_text("utf-8").splitlines(keepends=True)
        found[name] = "".join([lines[0], *lines[1 :: max(1, len(lines) // 60)]])
    head, *rows = TABLE.splitlines(keepends=True)
    found["mixed"] = head + "".join(itertools.islice(itertools.cycle(rows), 48))
    return found


TARGETS = {
    "iris": "species",
    "penguins": "species",
    "diabetes": "progression",
    "breast_cancer": "diagnosis",
    "mixed": "species",
}


def encoded(text):
    """Return a table in every format, by the ending of the file."""
    import numpy as np
    import pandas as pd

    frame = pd.read_csv(io.StringIO(text))
    parquet, npz = io.BytesIO(), io.BytesIO()
    frame.to_parquet(parquet)
    columns = {
        c: v.astype(str) if v.dtype == object else v for c, v in frame.to_dict("series").items()
    }
    np.savez(
        npz,
        **{
            name: np.asarray(v, None if v.dtype.kind in "if" else "U")
            for name, v in columns.items()
        },
    )
    lines = frame.to_json(orient="records", lines=True).encode()
    plain = {
        "csv": text.encode(),
        "tsv": frame.to_csv(sep="\t", index=False).encode(),
        "jsonl": lines,
        "parquet": parquet.getvalue(),
        "npz": npz.getvalue(),
    }
    return plain | {f"{e}.gz": gzip.compress(plain[e], mtime=0) for e in ("csv", "jsonl")}


def specs():
    """Return specs as YAML, their tables beside them."""
    shipped = [path.read_text("utf-8") for path in sorted((ROOT / "configs").glob("*.yaml"))]
    own = [json.dumps(RICH, ensure_ascii=False), json.dumps(SWEEP), yaml.safe_dump(SWEEP)]
    return own + [text.replace("../data/", "") for text in shipped]


def make(folder, run):
    """Write all that is changed into a folder.

    run  runs `mlp` with these words in the folder, to its end; returns its exit code
    """
    (folder / "d.csv").write_text(tables()["mixed"], "utf-8")
    for name, text in tables().items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
    for path in (ROOT / "data").glob("*.csv"):
        if not (folder / path.name).exists():
            (folder / path.name).write_bytes(path.read_bytes())
    small = {"data": {"path": "iris.csv", "target": "species"}, "training": {"epochs": 2}}
    odd = {
        "data": {"path": "mixed.csv", "target": "species"},
        "model": {"layers": [{"units": 3, "norm": "batch"}], "embedding": {"name": "periodic"}},
        "training": {"epochs": 2},
        "ensemble": {"kind": "bootstrap", "replicas": 3},
    }
    amount = {"data": {"path": "diabetes.csv", "target": "progression"}, "training": {"epochs": 2}}
    for name, spec in {"small": small, "odd": odd, "amount": amount, "sweep": SWEEP}.items():
        told = spec | {"runtime": {"checkpoint_seconds": 0, "threads": 1}}
        (folder / f"{name}.yaml").write_text(json.dumps(told), "utf-8")
        words = ["train", f"{name}.yaml", "-q", "--run-dir", f"run-{name}"]
        if name == "sweep":
            words = ["sweep", "sweep.yaml", "-q", "--jobs", "1", "--storage", "study.log"]
        code = run(words)
        if code:
            raise SystemExit(f"mlp {' '.join(words)}: exit code {code}")
