"""The campaigns are commands that import each other from their folder: no modules of tests."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE))  # as it is where they are run
collect_ignore = [path.name for path in HERE.glob("*.py") if not path.name.startswith("test_")]
