"""The names of a run's own files in its directory."""

SPEC, MANIFEST, METRICS, MODEL = "spec.yaml", "manifest.json", "metrics.csv", "model.safetensors"
REPLICAS = "replicas.csv"
CHECKPOINT, PREVIOUS = "checkpoint.safetensors", "checkpoint-previous.safetensors"
# In the order in which --force puts them in the old ones' places: the manifest says that it has.
OURS = (MODEL, SPEC, METRICS, REPLICAS, CHECKPOINT, PREVIOUS, MANIFEST)
