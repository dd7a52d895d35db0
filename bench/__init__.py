"""Benchmarks: `./vigint bench` runs them, docs/performance.md describes them.

A benchmark is a module with `add_options(parser)` and `run(asked)`, which yields comparisons as
they are measured. The first line of its docstring says what is compared with what.
"""
