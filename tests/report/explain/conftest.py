"""Small specs whose steps are explained, and the explanation of each, made once."""

import json
from types import SimpleNamespace

import pytest

from mlpcli.report.explain.explain import Shown, explain_step
from mlpcli.report.explain.markdown import markdown
from mlpcli.report.explain.source import open_step

ROWS = """a,b,c,amount,word,yes
1.5,2,-1,3.5,red,0
-1,0.5,0.25,1.25,green,1
0.75,-2,1,2,blue,0
-0.5,1,2,0.5,red,1
2,1.25,-0.75,4,green,0
0.1,-0.3,0.6,1,blue,1
-1.5,0.2,1.1,2.5,red,0
0.9,1.7,-0.4,3,green,1
"""
HEAD = "  path: rows.csv\n  split: {validation: 0, test: 0}\n  scale: none\n  target: "
BEGINNING = {
    "number": "amount\n  exclude: [word, yes]\n  task: regression\n  scale_target: TARGET\n",
    "class": "word\n  exclude: [amount, yes]\n  task: multiclass\n",
    "binary": "yes\n  exclude: [amount, word]\n  task: binary\n",
}


@pytest.fixture(scope="session")
def explained(tmp_path_factory):
    """Return a function that explains a step of a spec: its task, and YAML of the rest."""
    folder = tmp_path_factory.mktemp("explained")
    (folder / "rows.csv").write_text(ROWS, encoding="utf-8")

    def explain(task, rest, step=None, target="none", **shown):
        path = folder / "spec.yaml"
        data = BEGINNING[task].replace("TARGET", target)
        path.write_text(f"data:\n{HEAD}{data}{rest}\n", encoding="utf-8")
        settings = {"units": 8, "rows": 4} | shown
        found = explain_step(open_step(str(path), step), Shown(**settings))
        document = json.loads(json.dumps(found.document))
        return SimpleNamespace(found=found, document=document, markdown=markdown(found))

    return explain
