"""Tests here share modules: test files are imported by their path, so these need theirs named."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
