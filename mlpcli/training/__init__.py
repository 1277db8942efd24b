"""The training loop: epochs, early stopping, metrics. Yields events; touches no file."""
