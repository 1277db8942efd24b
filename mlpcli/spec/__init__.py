"""From YAML to a validated spec: positions, overrides, all faults at once. Specs are plain data."""
