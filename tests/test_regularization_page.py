"""docs/regularization.md names its command, and every augmentation and noise; its verdicts."""

import importlib
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from scipy import stats

from mlpcli.data.augmentations import AUGMENTATIONS
from mlpcli.spec.load import load_spec
from mlpcli.spec.schema import NoiseSpec

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "regularization.md").read_text("utf-8")


@pytest.fixture(scope="module")
def script():
    """Return the script's modules; what it sets for BLAS is not to reach other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        for library in ("OPENBLAS", "OMP", "MKL"):
            patch.setenv(f"{library}_NUM_THREADS", os.environ.get(f"{library}_NUM_THREADS", "1"))
        names = ("regularization", "regularization_page", "regularization_settings")
        modules = [importlib.import_module(name) for name in names]
        yield SimpleNamespace(**{k: v for module in modules for k, v in vars(module).items()})
        for name in names:
            del sys.modules[name]


def rows(title):
    """Return the first cell of every row of one table, and the others."""
    for split in PAGE.split("\n## ")[2:]:
        for table in split.split("\n### ")[1:]:
            if title in table.split("\n")[0]:
                for line in table.split("\n")[4:]:
                    if line.startswith("| "):
                        first, *rest = (cell.strip() for cell in line.strip("|").split("|"))
                        yield first.strip("`"), rest


def test_the_page_names_its_command_and_the_command_is_there():
    command = "python benchmarks/regularization.py"
    assert command in PAGE
    assert command in (ROOT / "justfile").read_text("utf-8")


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_augmentation_is_measured(name):
    assert PAGE.count(f"| `{{name: {name}, ") >= 2
    assert AUGMENTATIONS[name].needs_image or PAGE.count(f"| `{{name: {name}, ") >= 4


@pytest.mark.parametrize("key", NoiseSpec.model_fields)
def test_every_noise_is_measured_on_both_data_sets_and_splits(key):
    assert PAGE.count(f"| `noise: {{{key}: ") >= 4


def test_the_tables_are_of_the_script_s_settings(script):
    for base in script.BASES:
        found = [name for name, _ in rows(base.title)]
        assert found == 2 * [setting.name for setting in script.settings_of(base)]


def test_the_verdicts_are_those_of_the_figures_shown():
    table = [*rows("Digits"), *rows("Breast cancer")]
    assert len(table) > 100
    for name, cells in table:
        for k, sign in ((0, 1), (3, -1)) if name != "plain" else ():
            mean, error = (float(x.replace("−", "-")) for x in cells[k + 1].split(" ± "))
            ratio = sign * mean / max(error, 1e-9)
            expected = "better" if ratio > 2.262 else "worse" if ratio < -2.262 else "no difference"
            # What is shown has four digits: near the bound it may round to the other side.
            sure = abs(abs(mean) - 2.262 * error) > 2e-4
            assert cells[k + 2].startswith(expected) or not sure, (name, cells)


def test_a_spec_without_regularization_is_the_plain_one_and_each_setting_a_valid_spec(script):
    for base in script.BASES:
        for split in script.SPLITS:
            for setting in script.settings_of(base):
                overrides = script.overrides_of(base, split, setting)
                spec = load_spec(script.path_of(base.spec), overrides, 3).spec
                dropout = [layer.keep_prob for layer in spec.model.layers]
                if setting.name == "plain":
                    plain = spec
                    assert (set(dropout), spec.regularization.l2) == ({1.0}, 0.0)
                else:
                    assert spec != plain
                    assert (spec.seed, spec.data) == (3, plain.data)


def test_quantiles_of_t_are_scipy_s(script):
    expected = stats.t.ppf(0.975, range(1, len(script.T) + 1))
    for quantile, of_scipy in zip(script.T, expected, strict=True):
        assert quantile == pytest.approx(of_scipy, abs=6e-4)


@pytest.mark.parametrize(("greater", "verdict"), [(True, "better"), (False, "worse")])
def test_a_comparison_is_a_paired_t_test(script, greater, verdict):
    plain, values = [0.90, 0.92, 0.88, 0.95], [0.93, 0.94, 0.90, 0.96]
    found = script.compare(values, plain, greater=greater)
    # Differences 0.03, 0.02, 0.02, 0.01: mean 0.02, s² = 2e-4 / 3, t = 0.02 / (s / 2) = 4.9.
    assert found.difference.mean == pytest.approx(0.02)
    assert found.difference.error == pytest.approx((2e-4 / 3) ** 0.5 / 2)
    assert stats.ttest_rel(values, plain).pvalue < 0.05
    assert found.verdict == verdict
    assert script.compare(plain, values, greater=not greater).verdict == verdict
    # By 0.03, 0.02, 0.02 and 0: t = 2.78, and the quantile for 3 degrees of freedom is 3.18.
    unsure = [0.93, 0.94, 0.90, 0.95]
    assert stats.ttest_rel(unsure, plain).pvalue > 0.05
    assert script.compare(unsure, plain, greater=greater).verdict == "no difference shown"
