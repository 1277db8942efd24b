"""Write every odd table with its spec, FOLDER/NAME/t.csv and FOLDER/NAME/spec.yaml.

python tests/odd_tables/make.py FOLDER
"""

import sys
from pathlib import Path

import cases_advice
import cases_files
import cases_known
import cases_numbers
import cases_targets
import cases_words
from case import CASES

MODULES = (
    cases_advice,
    cases_numbers,
    cases_words,
    cases_targets,
    cases_files,
    cases_known,
)  # each enters its cases


def make(folder):
    """Write all of them into a new folder, each into one of its own."""
    for name, case in CASES.items():
        case.write_all(folder / name)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
