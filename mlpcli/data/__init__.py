"""File -> table -> encoded arrays; splits. Never sees a network."""
