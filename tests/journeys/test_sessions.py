"""Every session that the README and the pages of docs/ show, run as it is written."""

import re

import pytest
from sessions import ROOT, check, match, prepare, run, sessions_of

from mlpcli.spec.load import load_spec, validate
from mlpcli.spec.yaml_reader import read_yaml

README = (ROOT / "README.md").read_text(encoding="utf-8")
HOWTO = sorted(f"docs/howto/{path.name}" for path in (ROOT / "docs" / "howto").glob("*.md"))
PAGES = ["README.md", "docs/tutorial.md", *HOWTO]


@pytest.mark.parametrize("page", PAGES)
def test_sessions_print_what_the_page_shows(page, tmp_path):
    place = prepare(tmp_path)
    for session in sessions_of(page):  # later ones use what earlier ones made
        check(session, run(session, place))


def test_the_spec_in_the_readme_means_the_shipped_one():
    text = re.search(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[1]
    shipped = load_spec(str(ROOT / "configs" / "iris.yaml")).spec
    assert validate(read_yaml(text, "README.md")) == shipped


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
        assert target.startswith("https://") or (path.parent / target).exists(), target


def test_a_wrong_session_is_seen():
    assert match(["a 0.95 …", "…", "end"], ["a 0.96 xyz", "1", "2", "end"])
    assert not match(["a 0.95"], ["a 0.85"])
    assert not match(["rows 22"], ["rows 23"])
    assert not match(["one"], ["one", "two"])
