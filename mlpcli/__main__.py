"""`python -m mlpcli` is `mlp`."""

from mlpcli.cli.main import main

if __name__ == "__main__":
    main()
