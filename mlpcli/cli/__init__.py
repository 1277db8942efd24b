"""The command line: one file a verb. Only this package prints, knows exit codes and signals."""
