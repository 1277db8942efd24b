"""A spec as YAML, with every default written out; read back, it is the same spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import resolve_scalar


class _Dumper(yaml.SafeDumper):
    """Quotes text that the reader, which follows YAML 1.2, would take for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return True: equal lists are written twice, because the reader refuses aliases."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    plain = None if resolve_scalar(text) == text else "'"
    style = plain if text.isprintable() else '"'  # with escapes: YAML folds other line breaks
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _float(dumper: yaml.SafeDumper, number: float) -> yaml.Node:
    # 1e-08 is a float to the reader, but to PyYAML, which would add a tag, only 1.0e-08 is.
    text = repr(number)
    text = text if "." in text else text.replace("e", ".0e")
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _float)


def spec_to_yaml(spec: Spec) -> str:
    """Return the spec as YAML text, sections in the order of the schema."""
    blocks = []
    for section, value in spec.model_dump().items():
        text = yaml.dump(
            {section: value},
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=None if isinstance(value, dict) else False,
            width=100,
        )
        blocks.append(text)
    return "".join(blocks)


def with_paths(spec: Spec, folder: Path) -> Spec:
    """Return the spec with its paths made absolute, so that it can be read from anywhere."""
    data = spec.data
    changes: dict[str, Any] = {}
    if data.path is not None:
        changes["path"] = _absolute(data.path, folder)
    if data.split.files is not None:
        files = {
            part: None if name is None else _absolute(name, folder)
            for part, name in data.split.files.model_dump().items()
        }
        split_files = data.split.files.model_copy(update=files)
        changes["split"] = data.split.model_copy(update={"files": split_files})
    return spec.model_copy(update={"data": data.model_copy(update=changes)})


def _absolute(path: str, folder: Path) -> str:
    return path if path == "-" else str((folder / path).resolve())
