"""`mlp`, and `python -m mlpcli`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; stopped by hand while it is being imported, say nothing."""
    try:
        from mlpcli.cli.main import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
