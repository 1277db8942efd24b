"""mlp predict RUN FILE."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpcli.cli.command import verb
from mlpcli.cli.options import Debug, Json, Quiet, Run


@verb
def predict(
    run: Run,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The data; - is CSV on stdin.")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write the CSV here.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Predict the target of every row of a file, as CSV: predictions, and probabilities.

    Columns are found by name; the target's column need not be there.

    Examples:
      mlp predict runs/penguins-20261123-101500 new.csv -o predictions.csv

      head -3 data/iris.csv | mlp predict model.safetensors -
    """
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from mlpcli.cli.console import note, say, say_json
    from mlpcli.cli.describe import replaced_line
    from mlpcli.data.readers import read_table
    from mlpcli.runs.directory import find_model
    from mlpcli.runs.evaluate import predict as predict_table
    from mlpcli.runs.files import write_whole
    from mlpcli.runs.model_file import load_model

    path = find_model(run)
    model = load_model(path)
    table = read_table(file, model.encoding.read)
    columns, replaced = predict_table(model, table)
    if not quiet:
        by_name = {column.name: column for column in model.encoding.inputs.columns}
        for name, n in replaced.items():
            note(replaced_line(table.name, by_name[name], n))
    # The shortest text that reads back as the same float32 is not that of the float64.
    lists = {
        name: [float(str(v)) for v in c] if c.dtype == np.float32 else c.tolist()
        for name, c in columns.items()
    }
    if json:
        rows = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
        say_json({"model": str(path), "data": table.name, "rows": len(rows), "predictions": rows})
        return
    text = pd.DataFrame(lists).to_csv(index=False, lineterminator="\n")
    if output is None:
        say(text.removesuffix("\n"))
    else:
        write_whole(Path(output), text.encode())
        if not quiet:
            note(f"{len(table):,} predictions in {output}")
