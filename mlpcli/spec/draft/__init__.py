"""A first spec for an unknown table: what was found in it, decided and written with its reasons."""
