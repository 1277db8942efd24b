"""What the fuzzer runs: of each kind of input a command on a valid one that is changed."""

import gzip
import itertools
import json
import re
import shutil
from pathlib import Path

import fuzz_material
import yaml
from mutations import VALUES, mutate_bytes, mutate_cells, mutate_plain, mutate_safetensors
from spec_keys import ODD, schema_keys

from mlpcli.runs.seal import seal
from mlpcli.spec.json_schema import json_schema
from mlpcli.spec.load import load_spec
from mlpcli.spec.yaml_reader import read_yaml

KEYS = schema_keys()
SETTINGS = list(itertools.product(range(len(KEYS)), ODD))


def _usual(node, key=""):
    """Yield the words that the schema names, with the key that takes them."""
    if isinstance(node, dict):
        for word in [*node.get("enum", []), *([node["const"]] if "const" in node else [])]:
            yield key, json.dumps(word)
        for name, inside in node.items():
            is_key = isinstance(inside, dict) and name not in ("items", "properties", "$defs")
            yield from _usual(inside, name if is_key else key)
    elif isinstance(node, list):
        for inside in node:
            yield from _usual(inside, key)


USUAL = {}
for _key, _word in _usual(json_schema()):
    USUAL.setdefault(_key, []).append(_word)
ONE_EPOCH = ("--set", "training.epochs=1")
MOST_CHECKED = 40  # units of a spec whose gradient is checked
MOST_UNITS, MOST_LANES = 2000, 40  # of a spec that is trained: others would take their time


class Material:
    """The valid files, read once."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.specs = fuzz_material.specs()
        self.tables = [
            (f"t.{ending}", content, fuzz_material.TARGETS[name])
            for name, text in fuzz_material.tables().items()
            for ending, content in fuzz_material.encoded(text).items()
        ]
        self.models = {
            name: (self.folder / f"run-{name}" / "model.safetensors").read_bytes()
            for name in ("small", "odd", "amount")
        }
        self.study = (self.folder / "study.log").read_bytes()
        self.checkpoints = sorted(self.folder.glob("run-*/checkpoint.safetensors"))

    def link(self, here, *names):
        """Copy files of the material, or all of its tables, to the folder of a case."""
        for name in names or [p.name for p in self.folder.glob("*.csv")]:
            if (self.folder / name).is_dir():
                shutil.copytree(self.folder / name, here / name)
            else:
                shutil.copy(self.folder / name, here / name)


def spec(dice, here, material, _):
    """A spec, of which bytes, tokens or whole parts are changed."""
    material.link(here)
    text = dice.choice(material.specs)
    if dice.random() < 0.5:
        plain = mutate_plain(dice, read_yaml(text, "spec").data)
        dump = json.dumps if dice.random() < 0.5 else lambda x: yaml.safe_dump(x, sort_keys=False)
        content = dump(plain).encode("utf-8", "surrogatepass")
    else:
        content = mutate_bytes(dice, text.encode())
    (here / "spec.yaml").write_bytes(content)
    return words_for_spec(dice, here)


def words_for_spec(dice, here, *more):
    """Return a command for a spec: one that trains only where that does not take long."""
    kind = dice.choice(["check", "check", "train", "train", "gradcheck", "sweep"])
    most = MOST_CHECKED if kind == "gradcheck" else MOST_UNITS
    if kind == "check" or not is_small(here / "spec.yaml", more, most):
        return ["check", "spec.yaml", "-q", *more]  # else baselines would take their time
    if kind == "train":
        return ["train", "spec.yaml", "--run-dir", "run", *more, *ONE_EPOCH]
    if kind == "sweep":
        return ["sweep", "spec.yaml", "--best", "--storage", "study.log", *more]
    return ["gradcheck", "spec.yaml", *more]


def is_small(path, words, most=MOST_UNITS):
    """Whether a spec is refused, or its networks are small."""
    try:
        spec = load_spec(str(path), words[1::2]).spec
    except Exception:  # noqa: BLE001  what is wrong with it the command itself will show
        return True
    units = [layer.units for layer in spec.model.layers]
    lanes = spec.ensemble.replicas if spec.ensemble else 1
    return sum(units) <= most and len(units) <= 30 and lanes <= MOST_LANES


def settings(dice, here, material, _):
    """Values given with --set."""
    material.link(here)
    (here / "spec.yaml").write_text(dice.choice(material.specs), "utf-8")
    words = []
    for _ in range(dice.choice([1, 1, 2, 4])):
        key, before = dice.choice(KEYS)
        value = usual_value(dice, key) if dice.random() < 0.6 else dice.choice(ODD)
        if dice.random() < 0.2:
            value = json.dumps(dice.choice(VALUES))
        text = f"{key}={value}"
        if dice.random() < 0.2:
            text = mutate_bytes(dice, text.encode("utf-8", "replace")).decode("utf-8", "ignore")
        for each in (*before, text.replace("\0", "")):  # no argument of a program has a zero byte
            words += ["--set", each]
    return words_for_spec(dice, here, *words)


def usual_value(dice, key):
    """Return a value that other specs have at such a key, or words and numbers of the schema."""
    named = [v for v in USUAL.get(key.rpartition(".")[2], ()) if v is not None]
    numbers = [
        "0",
        "1",
        "2",
        "3",
        "0.1",
        "0.5",
        "0.9",
        "1e-3",
        "10",
        "true",
        "false",
        "null",
        "auto",
    ]
    return dice.choice(named) if named and dice.random() < 0.7 else dice.choice(numbers)


def values(_dice, here, material, k):
    """Every key with every odd value, in turn."""
    number, value = SETTINGS[k % len(SETTINGS)]
    key, before = KEYS[number]
    material.link(here)
    (here / "spec.yaml").write_text("data: {path: iris.csv, target: species}\n", "utf-8")
    words = [word for each in (*before, f"{key}={value}") for word in ("--set", each)]
    return ["check", "spec.yaml", "-q", *words]


def changed_table(dice, here, material):
    """Write a table in any format; return its name and target."""
    name, content, target = dice.choice(material.tables)
    if dice.random() < 0.3:  # what most people have
        name, content, target = dice.choice([t for t in material.tables if t[0] == "t.csv"])
    separator = {"t.csv": ",", "t.csv.gz": ",", "t.tsv": "\t"}.get(name)
    if separator and dice.random() < 0.6:
        text = gzip.decompress(content) if name.endswith(".gz") else content
        content = mutate_cells(dice, text.decode(), separator).encode()
        content = gzip.compress(content, 1) if name.endswith(".gz") else content
    elif name == "t.jsonl" and dice.random() < 0.6:
        records = mutate_plain(dice, [json.loads(line) for line in content.splitlines()])
        content = "".join(json.dumps(each) + "\n" for each in records).encode()
    elif name.endswith(".gz") and dice.random() < 0.7:
        content = gzip.compress(mutate_bytes(dice, gzip.decompress(content)), 1)
    else:
        content = mutate_bytes(dice, content)
    (here / name).write_bytes(content)
    return name, target


def model_of(target, material):
    """Return a run that was trained on a table with such a target."""
    run = {"progression": "run-amount", "diagnosis": "run-odd"}.get(target, "run-small")
    return str(material.folder / run)


def predicted(dice, here, material, _):
    """A table in any format, predicted: its good rows, all, or none."""
    name, target = changed_table(dice, here, material)
    words = ["--on-bad-row", dice.choice(["skip", "blank", "fail"])]
    if dice.random() < 0.5:
        words += ["--keep", "all"]
    if dice.random() < 0.7:
        words += ["-o", "out." + dice.choice(["csv", "tsv", "jsonl", "parquet"])]
    if dice.random() < 0.3:
        words.append("--json")
    return ["predict", model_of(target, material), name, *words]


def table(dice, here, material, _):
    """A table in any format, trained on, checked, or predicted."""
    name, target = changed_table(dice, here, material)
    told = {"data": {"path": name, "target": target}, "model": {"layers": [{"units": 3}]}}
    (here / "spec.yaml").write_text(json.dumps(told), "utf-8")
    kind = dice.randrange(10)
    if kind < 4:
        return ["train", "spec.yaml", "--run-dir", "run", *ONE_EPOCH]
    if kind < 7:
        return ["check", "spec.yaml", "-q"]
    if kind == 7:  # one class of it trains quickly
        return ["check", "spec.yaml", "--augmented", "2"]
    words = [model_of(target, material), name]
    return ["predict", *words] if kind == 8 else ["eval", words[0], "--data", name]


def model(dice, here, material, _):
    """A model file, mostly with its seal mended, so that what is inside is looked at."""
    name = dice.choice(list(material.models))
    material.link(here)
    changed = mutate_safetensors(dice, material.models[name], seal)
    (here / "model.safetensors").write_bytes(changed)
    data = {"small": "iris.csv", "odd": "mixed.csv", "amount": "diabetes.csv"}[name]
    kind = dice.randrange(4)
    if kind == 0:
        return ["predict", "model.safetensors", data]
    if kind == 1:
        return ["compare", "model.safetensors", str(material.folder / f"run-{name}")]
    return ["eval", "model.safetensors", *(["--json"] if kind == 2 else [])]


def run(dice, here, material, _):
    """A run directory of which a file is changed or missing."""
    name = dice.choice(["run-small", "run-odd"])
    material.link(here, name, "iris.csv", "mixed.csv")
    path = dice.choice(sorted((here / name).iterdir()))
    if dice.random() < 0.1:
        path.unlink()
    elif path.suffix == ".json" and dice.random() < 0.7:
        path.write_text(json.dumps(mutate_plain(dice, json.loads(path.read_text("utf-8")))))
    else:
        path.write_bytes(mutate_bytes(dice, path.read_bytes()))
    shutil.copy(material.folder / "small.yaml", here / "small.yaml")
    return dice.choice([
        ["eval", name],
        ["compare", name, str(material.folder / name)],
        ["predict", name, "iris.csv"],
        ["train", "small.yaml", "--run-dir", name, "--force", *ONE_EPOCH],
        ["train", "small.yaml", "--run-dir", name, "--resume"],
    ])  # fmt: skip


def checkpoint(dice, here, material, _):
    """A checkpoint, mostly with its seal mended, and the training that goes on from it."""
    path = dice.choice(material.checkpoints)
    name = path.parent.name
    spec_name = f"{name.removeprefix('run-')}.yaml"
    material.link(here, name, "iris.csv", "mixed.csv", "diabetes.csv", "d.csv", spec_name)
    changed = mutate_safetensors(dice, path.read_bytes(), seal)
    (here / name / path.name).write_bytes(changed)
    for other in (here / name).glob("checkpoint-*"):
        if dice.random() < 0.7:
            other.unlink()
        elif dice.random() < 0.5:
            other.write_bytes(mutate_safetensors(dice, path.read_bytes(), seal))
    return ["train", spec_name, "--run-dir", name, "--resume", "--extend", "4"]


CHECKSUM = re.compile(rb',"sha256":"[0-9a-f]{64}"\}$', re.MULTILINE)


def study(dice, here, material, _):
    """A study: lines changed, with their checksums or as earlier versions wrote them."""
    material.link(here, "d.csv", "sweep.yaml")
    lines = material.study.splitlines(keepends=True)
    if dice.random() < 0.6:
        lines = [CHECKSUM.sub(b"}", line) for line in lines]
    for _ in range(dice.choice([1, 1, 2])):
        k = dice.randrange(len(lines))
        kind = dice.randrange(5)
        if kind == 0 and len(lines) > 1:
            del lines[k]
        elif kind == 1:
            lines.insert(dice.randrange(len(lines)), lines[k])
        elif kind == 2:
            lines[k] = mutate_bytes(dice, lines[k])
        else:
            try:
                changed = mutate_plain(dice, json.loads(lines[k]))
            except ValueError:
                continue
            lines[k] = json.dumps(changed, separators=(",", ":")).encode() + b"\n"
    (here / "study.log").write_bytes(b"".join(lines))
    more = ["--best"] if dice.random() < 0.5 else ["--jobs", "1", "--json"]
    return ["sweep", "sweep.yaml", "--storage", "study.log", *more]


KINDS = {
    "spec": spec,
    "set": settings,
    "values": values,
    "data": table,
    "predict": predicted,
    "model": model,
    "run": run,
    "checkpoint": checkpoint,
    "study": study,
}
