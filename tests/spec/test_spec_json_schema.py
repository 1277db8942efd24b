"""The JSON Schema accepts what the loader accepts, and the design's own example."""

import pytest

from mlpcli.family import settings_of
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.spec.load import validate
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import read_yaml

# Section 5 of the design, word for word but for what is not built yet.
EXAMPLE = """\
seed: 0
data:
  path: ../data/digits.csv          # csv, tsv, jsonl, parquet, npz; .gz; `-` is standard input
  target: digit                     # or a list, for several outputs
  task: auto                        # regression | binary | multiclass | multilabel
  split: {validation: 0.15, test: 0.15, stratify: auto}
  scale: auto                       # asinh | standard | minmax | none; fitted on the training rows
  scale_target: auto                # regression: standardized
  categorical: auto                 # one-hot; unseen categories and missing values have a rule
  missing: auto                     # "", NA, NaN, nan, null, N/A; or a list
  sample_weight: null               # a column
  class_weight: null                # balanced | {label: weight}
model:
  layers:
    - {units: 128, activation: relu, keep_prob: 0.8}
    - {units: 64, activation: tanh, keep_prob: 0.9, norm: null, initializer: auto}
  output: auto                      # the loss's own link; or any activation
  loss: auto                        # from the task: mse | binary_cross_entropy | cross_entropy | …
training:
  epochs: 200
  batch_size: auto                  # by the number of training rows; or a number
  optimizer: {name: adam, learning_rate: 0.001}   # the default where none is named
  schedule: {name: constant}
  early_stopping: {monitor: val_loss, patience: 20, min_delta: 0.0}   # best weights are always kept
regularization:
  l2: 1e-4
  noise: {input: 0.0, weights: 0.0, labels: 0.0}
  augmentation: []
ensemble: null                      # {kind: bootstrap | kfold | seeds | tabm, replicas: 20}
runtime: {dtype: float32, threads: auto, memory: auto}
"""
OTHERS = [
    "data: {path: d.csv, target: y}",
    "data: {path: d.csv, target: [a, b], categorical: [c], scale_target: none}",
    "data: {target: y, split: {files: {train: a.csv, test: null}}}",
    "data: {path: d.csv, target: y}\ntraining: {optimizer: adam, schedule: exponential}",
    "data: {path: d.csv, target: y}\ntraining: {optimizer: {beta1: 0.5}, early_stopping: null}",
    "data: {path: d.csv, target: y}\nmodel: {layers: [], loss: mse, output: leaky_relu}",
]
REFUSED = [
    "data: {path: d.csv}",
    "data: {path: d.csv, target: 5}",
    "data: {path: d.csv, target: y}\nsed: 1",
    "data: {path: d.csv, target: y}\ntraining: {optimizer: {name: sgd, learning_rate: 0}}",
    "data: {path: d.csv, target: y}\ntraining: {epochs: 1.5}",
]


def test_the_design_s_example_is_a_valid_spec_and_says_the_defaults():
    spec = validate(read_yaml(EXAMPLE, "spec.yaml"))
    bare = validate(read_yaml("data: {path: ../data/digits.csv, target: digit}", "spec.yaml"))
    assert spec.data == bare.data
    assert spec.training == bare.training
    assert spec.runtime == bare.runtime
    assert spec.regularization.l2 == 0.0001


@pytest.mark.parametrize("text", [EXAMPLE, *OTHERS])
def test_the_schema_accepts_what_the_loader_accepts(text):
    jsonschema = pytest.importorskip("jsonschema")
    validate(read_yaml(text, "spec.yaml"))
    jsonschema.validate(read_yaml(text, "spec.yaml").data, Spec.model_json_schema())


@pytest.mark.parametrize("text", REFUSED)
def test_the_schema_refuses_what_the_loader_refuses(text):
    jsonschema = pytest.importorskip("jsonschema")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(read_yaml(text, "spec.yaml").data, Spec.model_json_schema())


def test_the_schema_has_every_member_with_its_settings_their_words_and_their_bounds():
    definitions = Spec.model_json_schema()["$defs"]
    for name, member in OPTIMIZERS.items():
        properties = definitions[member.__name__]["properties"]
        assert properties["name"]["const"] == name
        for field in settings_of(member):
            assert properties[field.name]["description"] == field.metadata["doc"]
            assert properties[field.name]["default"] == field.default
    assert definitions["Sgd"]["properties"]["learning_rate"]["exclusiveMinimum"] == 0
    assert definitions["Sgd"]["properties"]["momentum"]["exclusiveMaximum"] == 1


def test_every_key_is_described():
    definitions = Spec.model_json_schema()["$defs"]
    for title, definition in definitions.items():
        for key, schema in definition["properties"].items():
            assert key == "name" or schema.get("description"), f"{title}.{key}"
