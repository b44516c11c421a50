"""Keeping objects between runs: only the interfaces and the Python style are here."""
