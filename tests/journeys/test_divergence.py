"""What `mlp train` says of a training that diverged: printed, in the manifest, with --json."""

import json

FAR = """
data: {path: far.csv, target: y, task: regression, split: {validation: 0, test: 0}, scale: none}
model: {layers: []}
training: {epochs: 80, batch_size: 100, optimizer: {name: sgd, learning_rate: 1}}
"""


def test_the_report_and_its_advice(in_one_process, tmp_path):
    rows = ["x,y", "46,0", *(f"{k % 2},{k % 5}" for k in range(99))]
    (tmp_path / "far.csv").write_text("\n".join(rows) + "\n", "ascii")
    (tmp_path / "far.yaml").write_text(FAR, "ascii")
    printed, document = in_one_process(
        [
            ["train", "far.yaml", "--run-dir", "run"],
            ["train", "far.yaml", "--run-dir", "again", "-q", "--json"],
        ],
        tmp_path,
    )
    assert printed[0] == document[0] == 4
    lines = printed[2].splitlines()
    at = next(k for k, line in enumerate(lines) if line.startswith("mlp: the training loss is no"))
    began, cause, advice = lines[at + 1 :]
    manifest = json.loads((tmp_path / "run/manifest.json").read_text("utf-8"))
    report = manifest["result"]["divergence"]
    assert report == json.loads(document[1])["divergence"]
    where = f"  began in epoch {report['epoch']}, step 1: the loss; norms in the step before: "
    assert began.startswith(where)
    assert cause.startswith("  cause: far.csv:2:1: x: the value 46 lies ")
    options = report["try"][0]["options"]
    assert advice == f"  try: {'; or '.join(each['options'] for each in report['try'])}"
    followed, *_ = in_one_process(
        [["train", "far.yaml", "--run-dir", "run", "--force", *options.split()]], tmp_path
    )
    assert followed[0] == 0
