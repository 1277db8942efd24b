"""The commands on an ensemble whose members share weights, by the real program."""

import json

SPEC = """
data: {path: iris.csv, target: species}
model: {layers: [{units: 8, activation: tanh}]}
training: {epochs: 4}
ensemble: {kind: tabm, replicas: 6}
"""


def test_an_ensemble_that_shares_weights_goes_through_every_command(mlp, folder):
    (folder / "spec.yaml").write_text(SPEC, "utf-8")
    check = json.loads(mlp("check", "spec.yaml", "--json", cwd=folder).out)
    # 4·8 + 8 + … : r 4, s 8, b 8, and a head of 8·3 + 3, of each member.
    own = 4 + 8 + 8 + 8 * 3 + 3
    assert check["parameters"] == 4 * 8 + 6 * own
    assert check["ensemble"]["text"] == (
        f"ensemble: tabm of 6 members, each with {own} parameters of its own"
    )
    rows, madds = check["rows"]["train"], 6 * (4 * 8 + 8 * 3)
    assert check["multiply_adds_per_epoch"] == rows * 3 * madds

    gradcheck = mlp("gradcheck", "spec.yaml", "--json", cwd=folder)
    assert gradcheck.code == 0
    names = {tensor["name"] for tensor in json.loads(gradcheck.out)["tensors"]}
    assert {"hidden.1.input_scale", "hidden.1.output_scale"} < names

    train = mlp("train", "spec.yaml", "--run-dir", "run", cwd=folder)
    assert train.code == 0
    assert f"tabm of 6 members, each with {own} parameters of its own" in train.err
    assert {path.name for path in (folder / "run").iterdir()} == {
        "manifest.json",
        "metrics.csv",
        "model.safetensors",
        "spec.yaml",
    }

    scores = json.loads(mlp("eval", "run", "--json", "--interval", "0.9", cwd=folder).out)
    test = scores["spread"]["test"]["loss"]
    assert test["low"] < test["mean"] < test["high"]
    assert scores["scores"]["test"]["loss"] < test["mean"]

    words = ("predict", "run", "iris.csv", "--interval", "0.9")
    header, first, *_ = mlp(*words, cwd=folder).out.splitlines()
    assert header.startswith("prediction,probability_")
    row = dict(zip(header.split(","), first.split(","), strict=True))
    low, high = (float(row[f"probability_setosa_{end}"]) for end in ("low", "high"))
    assert low < float(row["probability_setosa"]) < high
    assert "prediction_set" not in row  # no rows are held out of a member's training
