"""mlp schema."""

from __future__ import annotations

from mlpcli.cli.command import verb
from mlpcli.cli.console import print_json
from mlpcli.cli.options import Debug, Json, Quiet


@verb
def schema(json: Json = False, quiet: Quiet = False, debug: Debug = False) -> None:
    """Print the spec's JSON Schema, for editors.

    An editor that knows it completes and checks specs as they are written.

    \b
    Example:
      mlp schema > mlp.schema.json
    """
    from mlpcli.spec.json_schema import json_schema

    print_json(json_schema())
