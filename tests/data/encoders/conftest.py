"""Encoders never see a file: there is one way only."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def way():
    """Stand for both ways in which a file's values are read."""
