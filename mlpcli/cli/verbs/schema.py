"""mlp schema."""

from __future__ import annotations

from mlpcli.cli.command import verb
from mlpcli.cli.options import Debug, Json, Quiet


@verb
def schema(json: Json = False, quiet: Quiet = False, debug: Debug = False) -> None:
    """Print the spec's JSON Schema, for editors that complete and check YAML.

    Example:
      mlp schema > mlp.schema.json
    """
    from mlpcli.cli.console import say_json
    from mlpcli.spec.schema import Spec

    document = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    say_json(document | Spec.model_json_schema())
