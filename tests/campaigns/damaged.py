"""Damage model files and checkpoints at random; each has to be refused, in a sentence.

    python tests/campaigns/damaged.py [--files 10000] [--seed 0]

Small trainings make model files and checkpoints, of a network and of an ensemble. Each damaged file
has one of: flipped bits, other bytes, its end cut off, bytes behind it, two blocks swapped, a block
of one value, a block taken out or put in twice, the rest of another file. Every one must be a
RunError (exit code 5), and no state may come to `Training.restore`.

Then as many files are damaged in what they say of themselves, and sealed again, as only somebody
who wants to can: each must be refused as well, or be used without any other error, in at most a
hundred times its size of memory. Exit code 1 where anything else happens.
"""

import argparse
import json
import random
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from pathlib import Path

from mlpcli.errors import MlpError, RunError
from mlpcli.runs.checkpoint import load_checkpoint, parse_checkpoint
from mlpcli.runs.files import Folder
from mlpcli.runs.model_file import load_model
from mlpcli.runs.recorder import Recorder
from mlpcli.runs.seal import seal
from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset
from mlpcli.training.training import Training

IRIS = Path(__file__).parents[2] / "data" / "iris.csv"
SPEC = {
    "data": {"path": str(IRIS), "target": "species"},
    "model": {"layers": [{"units": 4, "norm": "batch"}]},
    "training": {"epochs": 3, "optimizer": "adam"},
    "runtime": {"checkpoint_seconds": 0, "threads": 1},
}
SPECS = {
    "network": SPEC,
    "other": SPEC | {"seed": 1, "model": {"layers": [{"units": 9}]}},
    "ensemble": SPEC | {"ensemble": {"kind": "bootstrap", "replicas": 3}},
}
EXTRA_BYTES = 64 << 20  # that any file may take: Python's and pydantic's own


class Made:
    """A small training with its run directory, model file and checkpoint."""

    def __init__(self, folder, name, spec):
        path = folder / f"{name}.yaml"
        path.write_text(json.dumps(spec), "utf-8")
        loaded = load_spec(str(path))
        self.training = Training(loaded.spec, load_dataset(loaded))
        (folder / name).mkdir()
        self.folder = Folder(folder / name)
        recorder = Recorder(self.folder, self.training, loaded.folder)
        for event in self.training.run(due=lambda: True):
            recorder.record(event)
        self.spec, self.sha256 = recorder.spec, self.training.dataset.sha256
        self.model = self.folder.read("model.safetensors")
        self.checkpoint = self.folder.read("checkpoint.safetensors")
        load_model(self.folder.path / "model.safetensors")
        parse_checkpoint(self.checkpoint)


# ---------------------------------------------------------------- damages


def flipped(rng, content, _other):
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def overwritten(rng, content, _other):
    first, end = block(rng, content)
    return content[:first] + rng.randbytes(end - first) + content[end:]


def truncated(rng, content, _other):
    return content[: rng.choice([rng.randrange(len(content)), len(content) - rng.randint(1, 9)])]


def extended(rng, content, _other):
    return content + rng.choice([rng.randbytes, bytes])(rng.choice([1, 8, 4096]))


def swapped(rng, content, _other):
    size = rng.choice([1, 4, 64, 512])
    one, two = sorted(rng.sample(range(0, len(content) - size, size), 2))
    return b"".join(
        [
            content[:one],
            content[two : two + size],
            content[one + size : two],
            content[one : one + size],
            content[two + size :],
        ]
    )


def filled(rng, content, _other):
    first, end = block(rng, content)
    return content[:first] + bytes([rng.choice([0, 32, 48, 255])]) * (end - first) + content[end:]


def taken_out(rng, content, _other):
    first, end = block(rng, content)
    return content[:first] + content[end:]


def put_in_twice(rng, content, _other):
    first, end = block(rng, content)
    return content[:end] + content[first:]


def mixed(rng, content, other):
    at = rng.randrange(1, min(len(content), len(other)))
    return content[:at] + other[at:]


DAMAGES = (
    *(flipped, overwritten, truncated, extended, swapped),
    *(filled, taken_out, put_in_twice, mixed),
)


def block(rng, content):
    size = min(rng.choice([1, 2, 8, 80, 512, 4096]), len(content) - 1)
    first = rng.randrange(len(content) - size)
    return first, first + size


def damaged(rng, contents):
    """Return the kind of a damage, and one of the contents with it."""
    while True:
        content, other = rng.choice(contents), rng.choice(contents)
        damage = rng.choice(DAMAGES)
        found = damage(rng, content, other)
        if found not in contents:
            return damage.__name__, found


# ---------------------------------------------------------------- sealed again


VALUES = (None, True, -1, 0, 2**63, 10**400, 1e308, "", "x" * 1000, "\ud800", [], [[]] * 99, {})


def resealed(rng, content):
    """Return a file with a value of its description, or of its header, changed; and a seal."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    metadata = header["__metadata__"]
    del metadata["sha256"]
    (key,) = metadata
    if rng.random() < 0.3:
        changed(rng, {n: t for n, t in header.items() if n != "__metadata__"})
    else:
        document = json.loads(metadata[key])
        changed(rng, document)
        metadata[key] = json.dumps(document)
    text = json.dumps(header, separators=(",", ":"))
    first = json.dumps({"__metadata__": metadata}, separators=(",", ":"))[:-1]
    assert text.startswith(first)
    raw = text.encode()
    return seal(len(raw).to_bytes(8, "little") + raw + content[8 + size :])


def changed(rng, document):
    """Change one value somewhere in plain data, in place."""
    inside = document
    while True:
        keys = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        key = rng.choice(keys)
        value = inside[key]
        if isinstance(value, dict | list) and value and rng.random() < 0.9:
            inside = value
            continue
        ways = ["value", "number", "remove"]
        way = rng.choice(ways)
        if way == "remove":
            del inside[key]
        elif way == "number" and isinstance(value, int | float):
            inside[key] = rng.choice([value + 1, -value, value * 10**9, value + 0.5])
        else:
            inside[key] = rng.choice(VALUES)
        return


# ---------------------------------------------------------------- loaded


class Loaders:
    """Loads a content as a model file or as a checkpoint."""

    def __init__(self, folder, made):
        self.path, self.made = folder / "damaged.safetensors", made
        (folder / "damaged").mkdir()
        self.folder = Folder(folder / "damaged")
        for name in ("metrics.csv", "replicas.csv"):
            self.folder.write(name, b"x" * 10_000)
        self.restored = 0

    def model(self, content):
        self.path.write_bytes(content)
        load_model(self.path)

    def checkpoint(self, content):
        self.folder.path.joinpath("checkpoint.safetensors").write_bytes(content)
        load_checkpoint(self.folder, self.made.spec, self.made.sha256, self._restore)

    def _restore(self, state):
        self.restored += 1
        spec, dataset = self.made.training.spec, self.made.training.dataset
        Training(spec, dataset).restore(state)


def outcome(load, content):
    """Return refused, used, or what else a content led to."""
    try:
        load(content)
    except RunError as error:
        return "refused" if "\n" not in str(error) else f"{error!r}: more than one line"
    except (MlpError, Exception) as error:  # noqa: BLE001  that is what is looked for
        return f"{type(error).__name__}: {error}"[:200]
    return "used"


def campaign(kind, contents, loaders, n_files, rng):
    """Return whether all damaged files of a kind were refused; print how many."""
    load = getattr(loaders, kind)
    found, kinds = Counter(), Counter()
    for _ in range(n_files):
        how, content = damaged(rng, contents)
        result = outcome(load, content)
        found[result] += 1
        kinds[how] += 1
        if result != "refused":
            print(f"{kind}, {how}: {result}")
    counts = ", ".join(f"{how} {n:,}" for how, n in sorted(kinds.items()))
    print(f"{kind}: {found['refused']:,} of {n_files:,} damaged files refused ({counts})")
    return found["refused"] == n_files and loaders.restored == 0


def sealed_campaign(kind, contents, loaders, n_files, rng):
    """Return whether all files sealed again were refused or used; print how many."""
    load, found, worst = getattr(loaders, kind), Counter(), 0
    tracemalloc.start()
    for number in range(n_files):
        content = resealed(rng, rng.choice(contents))
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        result = outcome(load, content)
        worst = max(worst, tracemalloc.get_traced_memory()[1] - before - 100 * len(content))
        found[result] += 1
        if result not in ("refused", "used"):
            print(f"{kind}, sealed again, {number}: {result}")
    tracemalloc.stop()
    used = f"{found['refused']:,} refused, {found['used']:,} used"
    print(f"{kind}: of {n_files:,} sealed again {used}; {worst / 2**20:.1f} MiB beyond 100 sizes")
    return found["refused"] + found["used"] == n_files and worst < EXTRA_BYTES


def main():
    """Run the campaign; the exit code says whether all was refused."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=10_000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    rng, begun, good = random.Random(chosen.seed), time.perf_counter(), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = {name: Made(folder, name, spec) for name, spec in SPECS.items()}
        loaders = Loaders(folder, made["network"])
        for kind in ("model", "checkpoint"):
            contents = [getattr(each, kind) for each in made.values()]
            good.append(campaign(kind, contents, loaders, chosen.files, rng))
        for kind in ("model", "checkpoint"):
            only = [made["network"]] if kind == "checkpoint" else made.values()
            contents = [getattr(each, kind) for each in only]
            good.append(sealed_campaign(kind, contents, loaders, chosen.files // 10, rng))
    print(f"{sum(good)} of {len(good)} as they have to be, {time.perf_counter() - begun:.0f} s")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
