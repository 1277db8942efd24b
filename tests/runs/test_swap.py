"""--force: killed at any call there is the old run or the new one, and never a mixture."""

import contextlib
import json
import re
import shutil
from pathlib import Path

import pytest

from mlpcli.errors import FileError
from mlpcli.runs import swap
from mlpcli.runs.directory import find_model, run_directory
from mlpcli.runs.files import Folder
from mlpcli.runs.names import OURS

from .kills import content_of, failing, killed_at

MANIFEST = {
    "format": "mlp-run-1",
    "status": "done",
    "host": "h",
    "pid": 17,
    "command": ["mlp"],
    "machine": {"mlp": "0.1.0"},
    "data": {"sha256": {"data": "5f" * 32}, "split": {"seed": 0}},
}
OLD = {
    "manifest.json": json.dumps(MANIFEST | {"result": "old"}).encode(),
    "model.safetensors": b"old",
    "metrics.csv": b"old",
    "replicas.csv": b"old",
    "spec.yaml": b"old",
    "checkpoint.safetensors": b"old",
    "checkpoint-previous.safetensors": b"old",
}
NEW = {
    "manifest.json": json.dumps(MANIFEST | {"result": "new"}).encode(),
    "model.safetensors": b"new",
    "metrics.csv": b"new",
    "spec.yaml": b"new",
    "checkpoint.safetensors": b"new",
}
THEIRS = {"notes.txt": b"mine", "predictions/test.csv": b"mine", "model.safetensors.bak": b"mine"}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make_old_run():
    shutil.rmtree("run", ignore_errors=True)
    for name, content in (OLD | THEIRS).items():
        Path("run", name).parent.mkdir(parents=True, exist_ok=True)
        Path("run", name).write_bytes(content)


def replace(*, is_whole=True):
    with run_directory("a", "run", force=True) as run:
        for name, content in NEW.items():
            run.folder.write(name, content)
        return run.conclude(is_whole=is_whole)


def test_the_new_run_takes_the_place_of_the_old_one_and_of_nothing_else():
    make_old_run()
    assert replace() == Path("run")
    assert content_of("run") == NEW | THEIRS
    assert not list(Path("run").glob(".*"))


def test_until_it_is_whole_the_old_run_is_as_it_was():
    make_old_run()
    with run_directory("a", "run", force=True) as run:
        for name, content in NEW.items():
            run.folder.write(name, content)
        assert find_model("run").read_bytes() == b"old"
        assert {n: Path("run", n).read_bytes() for n in OLD} == OLD


def test_killed_at_any_call_there_is_the_old_run_or_the_new_one():
    seen, k = [], 0
    while True:
        make_old_run()
        if not killed_at(k, replace):
            break
        with failing(lambda _, name, __: name in ("replace", "unlink", "rename", "rmdir")):
            read_only = find_model("run").read_bytes()  # by a reader that may not write
        if k % 2:
            with run_directory("a", "run", resume=True):  # finishes it, else find_model does
                pass
        model = find_model("run").read_bytes()
        found = content_of("run")
        whole = {
            name: content for name, content in found.items() if not name.startswith(".mlp-new")
        }
        assert read_only == model
        assert whole == (NEW if model == b"new" else OLD) | THEIRS, k
        seen.append(model)
        replace()
        assert content_of("run") == NEW | THEIRS  # what was left over is swept
        k += 1
    assert seen == sorted(seen, reverse=True)  # b"old", then b"new"
    assert seen.count(b"old") > 20
    assert seen.count(b"new") > 7


@pytest.mark.parametrize("is_usable", [True, False])
def test_an_interrupted_one_leaves_the_old_run_and_is_kept_where_it_can_go_on(is_usable):
    make_old_run()
    with run_directory("a", "run", force=True) as run:
        for name in NEW if is_usable else ("manifest.json", "metrics.csv"):
            run.folder.write(name, NEW[name])
        path = run.conclude(is_whole=False)
    if not is_usable:
        assert path == Path("run")
        assert content_of("run") == OLD | THEIRS
        return
    assert re.fullmatch(r"run/interrupted-\d{8}-\d{6}", str(path))
    assert content_of(path) == NEW
    assert find_model(str(path)) == path / "model.safetensors"
    assert find_model("run").read_bytes() == b"old"
    replace(is_whole=False)
    replace()  # touches neither of them
    assert len(list(Path("run").glob("interrupted-*"))) == 2
    assert content_of(path) == NEW


def test_one_that_raises_is_kept_as_an_interrupted_one_is():
    make_old_run()
    with contextlib.suppress(RuntimeError), run_directory("a", "run", force=True) as run:
        run.folder.write("checkpoint.safetensors", b"new")
        raise RuntimeError
    assert {n: Path("run", n).read_bytes() for n in OLD | THEIRS} == OLD | THEIRS
    (kept,) = Path("run").glob("interrupted-*")
    assert content_of(kept) == {"checkpoint.safetensors": b"new"}


def test_strangers_files_in_a_new_runs_directory_are_kept():
    make_old_run()
    with run_directory("a", "run", force=True) as run:
        for name, content in NEW.items():
            run.folder.write(name, content)
        (run.folder.path / "dropped by somebody").write_bytes(b"mine")
        run.conclude(is_whole=True)
    assert content_of("run").items() >= (NEW | THEIRS).items()
    assert [p.read_bytes() for p in Path("run").rglob("dropped*")] == [b"mine"]


def test_a_directory_that_only_looks_like_a_swap_is_left_alone():
    make_old_run()
    for kind in ("swap", "move"):
        theirs = Path(f"run/.mlp-{kind}-0123456789abcdef/model.safetensors")
        theirs.parent.mkdir()
        theirs.write_bytes(b"theirs")
    with run_directory("a", "run", resume=True):
        pass
    assert Path("run/model.safetensors").read_bytes() == b"old"
    assert len(list(Path("run").glob(".mlp-*/model.safetensors"))) == 2
    assert find_model("run").read_bytes() == b"old"


def test_a_swap_that_the_disk_refuses_is_finished_later():
    make_old_run()
    refused = []

    def third(_, name, __):
        if name == "replace":
            refused.append(name)
        return len(refused) == len(NEW) + 3

    with pytest.raises(FileError, match="No space left"), failing(third):
        replace()
    assert find_model("run").read_bytes() == b"new"
    assert content_of("run") == NEW | THEIRS


def test_the_files_of_a_run_are_named_once():
    assert set(OURS) == set(OLD)
    assert OURS[-1] == "manifest.json"  # says that the others are there
    assert swap.OURS is OURS
    with Folder(Path()) as folder:
        Path(swap.MOVE + "0" * 16).mkdir()
        swap.finish(folder)
        assert folder.names() == []
