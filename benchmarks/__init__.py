"""Measurements, each a command of its own: ``python -m benchmarks.growth --help``. See README.md for the figures."""
