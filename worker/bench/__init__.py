"""Measurements: our worker, and rivals where they are given, on the same broker and the same Exchange stand-in."""
