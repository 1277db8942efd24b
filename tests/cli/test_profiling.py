"""A profiled run trains in one process, and leaves the modules as they were."""

from dataclasses import replace

import pytest

from mlpcli.cli import progress
from mlpcli.cli.profiling import Profiler
from mlpcli.data import loading
from mlpcli.runs import ensemble_result, recorder
from mlpcli.spec.load import load_spec
from mlpcli.training import build, profile, training

SPEC = """
data: {path: data.csv, target: y}
ensemble: {kind: seeds, replicas: 2}
"""


@pytest.fixture
def loaded(tmp_path):
    lines = [f"{k},{k % 2}" for k in range(30)]
    (tmp_path / "data.csv").write_text("\n".join(["x,y", *lines]) + "\n", "utf-8")
    (tmp_path / "spec.yaml").write_text(SPEC, "utf-8")
    return load_spec(str(tmp_path / "spec.yaml"))


def functions():
    return (
        build.load_dataset,
        loading.read_table,
        recorder.evaluate,
        recorder.baseline,
        ensemble_result.ensemble_result,
        recorder.Recorder.record,
        progress.progress_for,
        progress.PlainProgress.show,
        training.Training,
    )


def test_an_ensemble_is_trained_in_this_process_and_the_modules_are_as_before(loaded, monkeypatch):
    class InTwo(profile.ProfiledTraining):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.plan = replace(self.plan, stacks=[[0], [1]], processes=2)

    before = functions()
    monkeypatch.setattr(profile, "ProfiledTraining", InTwo)
    with Profiler() as profiler:
        assert not set(before) & set(functions())
        made = training.Training(loaded.spec, build.load_dataset(loaded))
    assert (made.plan.processes, made.plan.stacks) == (1, [[0], [1]])
    assert functions() == before
    document = profiler.document()
    assert document["processes_without"] == 2
    calls = {line["row"]: line["calls"] for line in document["lines"]}
    assert (calls["load"], calls["encode"]) == (1, 1)
