"""What a spec's file may hold at all: each refusal has its place."""

import pytest

from mlpcli.errors import SpecError, UsageError
from mlpcli.spec.load import load_spec
from mlpcli.spec.yaml_reader import MAX_BYTES, MAX_DEPTH

DATA = "data: {path: d.csv, target: y}\n"
ALLOWED = "allowed here: data, ensemble, model, regularization, runtime, seed, sweep, training"


@pytest.mark.parametrize(
    "text",
    [
        DATA,
        "\ufeff" + DATA,
        DATA.replace("\n", "\r\n"),
        "---\n" + DATA + "...\n",
        "# the λ of the lecture\n" + DATA,
        DATA.rstrip("\n"),
        '{"data": {"path": "d.csv", "target": "y"}}',
    ],
    ids=["plain", "BOM", "CRLF", "document marks", "comment", "no last newline", "JSON"],
)
def test_files_as_editors_write_them(load, text):
    assert load(text).spec.data.target == "y"


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "null\n", "\ufeff"])
def test_an_empty_file_lacks_its_data(faults, text):
    assert faults(text) == ["1:1: data: this key is required"]


@pytest.mark.parametrize(
    ("text", "given"),
    [("- a\n- b\n", "a list"), ("[]", "a list"), ("5", "5"), ("some text", "'some text'")],
)
def test_the_top_is_a_mapping(faults, text, given):
    assert faults(text) == [f"1:1: must be a mapping of keys and values, not {given}"]


def test_a_key_that_stands_twice(faults):
    assert faults(DATA + "seed: 1\nruntime:\n  dtype: float64\n  dtype: float32\nseed: 2\n") == [
        "5:3: runtime.dtype: this key stands twice; first in line 4",
        "6:1: seed: this key stands twice; first in line 2",
    ]


def test_a_key_that_stands_twice_under_the_lecture_s_letter(faults):
    assert faults(DATA + "regularization: {α: 1, α: 2}\n") == [
        "2:24: regularization.α: this key stands twice; first in line 2"
    ]


def test_anchors_aliases_and_tags_stand_where_they_stand(faults):
    text = DATA + "seed: &s 3\ntraining:\n  epochs: *s\n  batch_size: !!int 16\n"
    more = "here and in one more place, line 4"
    assert faults(text) == [
        f"2:7: seed: anchors and aliases are not allowed; write it out, {more}",
        "5:15: training.batch_size: the tag tag:yaml.org,2002:int is not allowed; no tags",
    ]


def test_a_tag_never_makes_an_object(faults):
    (fault,) = faults(DATA + "seed: !!python/object/apply:os.system ['echo hi']\n")
    assert fault.startswith("2:7: seed: the tag tag:yaml.org,2002:python/object/apply:os.system")


def test_a_merge_key_is_a_key_like_any_other(faults):
    assert faults(DATA + "<<: {seed: 1}\n") == [f"2:1: <<: there is no such key; {ALLOWED}"]


def test_one_document_a_file(faults):
    assert faults(DATA + "---\nseed: oops\n") == [
        "2:1: a second document begins here; one document a file"
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("? [a, b]\n: 1\n", "2:3"),
        ("? {a: 1}\n: 1\n", "2:3"),
        ("model: {{units}}\n", "2:9"),  # a template that nobody filled in
        ("? *x\n: 1\n", "2:3"),
    ],
)
def test_a_key_is_text(faults, text, place):
    path = "model: " if "model" in text else ""
    assert faults(DATA + text) == [
        f"{place}: {path}a key must be text; put text with braces or brackets in quotes"
    ]


@pytest.mark.parametrize("key", ["1", "true", "null", "~", "1.5"])
def test_a_key_that_looks_like_a_number_is_its_text(faults, key):
    assert faults(f"{DATA}{key}: 2\n") == [f"2:1: {key}: there is no such key; {ALLOWED}"]


def test_a_key_with_control_characters_does_not_reach_the_terminal(faults):
    assert faults(DATA + r'"\e[31m\n": 2') == [
        f"2:1: '\\x1b[31m\\n': there is no such key; {ALLOWED}"
    ]


def test_depth_is_capped_and_no_deeper(faults, refusal):
    inner = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)  # the top mapping is the first level
    assert faults(f"{DATA}x: {inner}") == [f"2:1: x: there is no such key; {ALLOWED}"]
    deeper = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert faults(f"{DATA}x: {deeper}") == [f"2:{3 + MAX_DEPTH}: nested deeper than 32 levels"]
    for bomb in ("[" * 100_000, "{a: " * 50_000, "- " * 100_000):
        assert "nested deeper than 32 levels" in str(refusal(bomb))


def test_size_is_capped_before_anything_is_parsed(faults):
    text = DATA + "# " + "ä" * (MAX_BYTES - len(DATA) - 2)
    too_large = [f"1:1: larger than {MAX_BYTES} characters"]
    assert faults(text + "ä") == too_large
    assert faults(DATA + "# " + "ä" * (4 * MAX_BYTES)) == too_large  # cut within a letter, by bytes


def test_a_file_of_just_the_cap_is_read(load):
    assert load(DATA + "# " + "ä" * (MAX_BYTES - len(DATA) - 2)).spec.seed == 0


def test_billion_laughs_are_not_laughed(faults):
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    found = faults("\n".join([DATA, *lines]))
    # An unknown key a line; of 40 anchors and 2 · 39 aliases the first says it.
    told = [each for each in found if "aliases" in each]
    where = f"{40 + 2 * 39 - 1} more places from line 4 on"
    allowed = f"write it out, here and in {where}"
    assert told == [f"3:5: a0: anchors and aliases are not allowed; {allowed}"]
    assert len(found) == 40 + 1


def test_what_an_alias_would_be_is_no_further_fault(faults):
    found = faults(DATA + "seed: &s x\ntraining: {epochs: *s, batch_size: *s}\nmodel: 3\n")
    assert [each.split(";")[0] for each in found] == [
        "2:7: seed: anchors and aliases are not allowed",
        "4:8: model: must be a mapping of keys and values, not 3",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (DATA + "seed: \x01\n", r"2:7: the character '\x01' is not allowed in YAML"),
        (DATA + "a: b\x00\n", r"2:5: the character '\x00' is not allowed in YAML"),
        (b"data: {path: \xff}\n", "1:14: not UTF-8 text"),
        ("λ: ".encode() + b"\xff", "1:4: not UTF-8 text"),  # characters are counted, not bytes
        (b"\xef\xbb\xbfa: \xff", "1:4: not UTF-8 text"),
        (DATA.encode("utf-16"), "1:1: not UTF-8 text"),
        (DATA.encode() + "seed: é".encode("latin-1"), "2:7: not UTF-8 text"),
    ],
)
def test_what_is_not_text(faults, text, fault):
    assert faults(text) == [fault]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("data: {path: d.csv\nseed: 1", "2:5: not valid YAML: expected ',' or '}', but got ':'"),
        ("data: [a\n", "2:1: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: 'b\n", "2:1: not valid YAML: found unexpected end of stream"),
        ("a: b\n c: d\n", "2:3: not valid YAML: mapping values are not allowed here; put text"),
        ("a: x: y", "1:5: not valid YAML: mapping values are not allowed here; put text with a"),
        ("a:\n\tb: 1", "2:1: not valid YAML: found character '\\t' that cannot start any token;"),
        ("data:\n  path: -\n", "2:9: not valid YAML: sequence entries are not allowed here; a -"),
        ('a: "C:\\data"', "1:8: not valid YAML: found unknown escape character 'd'"),
        ("a: 1\n b: 2\n", "2:3: not valid YAML: mapping values are not allowed here"),
        ("a: @b", "1:4: not valid YAML: found character '@' that cannot start any token"),
        ("%YAML 9.9\n---\na: 1", "1:1: not valid YAML: found incompatible YAML document"),
    ],
)
def test_what_is_not_yaml_has_its_place(faults, text, fault):
    (found,) = faults(text)
    assert found.startswith(fault)


def test_hints_for_the_most_frequent_slips(faults):
    assert faults("a:\n\tb: 1")[0].endswith("indent with spaces, not with tabs")
    assert faults("data:\n  path: -\n")[0].endswith('a - alone is text in quotes: "-"')


def test_standard_input_as_the_path_of_the_data(load):
    assert load('data:\n  path: "-"\n  target: y\n').path("-") == "-"


def test_faults_of_structure_and_of_content_come_together_sorted(faults):
    text = "training:\n  epochs: -1\n  epochs: 3\ndata: {target: 5}\nseed: &a 1\n"
    assert [fault.split(";")[0] for fault in faults(text)] == [
        "2:11: training.epochs: must be at least 0, not -1",
        "3:3: training.epochs: this key stands twice",
        "4:7: data.path: this key is required",
        "4:16: data.target: must be text, not 5",
        "5:7: seed: anchors and aliases are not allowed",
    ]


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("nowhere.yaml", UsageError, "nowhere.yaml: there is no such file"),
        (".", UsageError, ".: is a folder, not a spec"),
        ("a\0b", UsageError, "'a\\x00b' is not the name of a file"),
        ("spec.yaml/x", UsageError, "spec.yaml/x: there is no such file"),
    ],
)
def test_a_file_that_cannot_be_read(load, path, kind, message):
    load(DATA)
    with pytest.raises(kind) as caught:
        load_spec(path)
    assert str(caught.value) == message


class _Stream:
    def __init__(self, content):
        import io

        self.buffer = io.BytesIO(content)


def test_a_spec_from_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", _Stream(DATA.encode()))
    loaded = load_spec("-")
    assert (loaded.name, str(loaded.folder)) == ("stdin", ".")
    for content, fault in (
        (b"\xff", "<stdin>:1:1: not UTF-8 text"),
        (b"sed: 1\n" + DATA.encode(), f"<stdin>:1:1: sed: there is no such key; {ALLOWED}"),
    ):
        monkeypatch.setattr("sys.stdin", _Stream(content))
        with pytest.raises(SpecError) as caught:
            load_spec("-")
        assert str(caught.value).startswith(fault)


def test_paths_are_relative_to_the_spec_and_its_name_names_the_run(tmp_path, monkeypatch):
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "my.spec.yaml").write_text("data: {path: ../data/d.csv, target: y}\n")
    loaded = load_spec(str(folder / "my.spec.yaml"))
    assert loaded.name == "my.spec"
    monkeypatch.chdir(tmp_path)
    assert loaded.path("../data/d.csv") == "data/d.csv"  # as short as it can be said from here
    assert loaded.path("/elsewhere/d.csv") == "/elsewhere/d.csv"
    monkeypatch.chdir(folder)
    assert loaded.path("../data/d.csv") == str(tmp_path / "data" / "d.csv")


def test_a_path_that_cannot_be_resolved_is_left_to_whoever_opens_it(load, tmp_path):
    loaded = load(DATA)
    (tmp_path / "loop").symlink_to("loop")
    assert loaded.path("loop/d.csv").endswith("loop/d.csv")
    assert loaded.path("a\0b.csv") == "a\0b.csv"
