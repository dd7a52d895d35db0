"""Benchmarks, each run as a module: `python -m bench.lists`."""
