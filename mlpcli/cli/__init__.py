"""The command line: one file a verb. Only this room prints, knows exit codes and signals."""
