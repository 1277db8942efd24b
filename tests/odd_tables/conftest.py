"""The cases stand in modules of their own beside the tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
collect_ignore_glob = ["case*.py", "make.py"]  # imported once, by the tests: they enter cases
