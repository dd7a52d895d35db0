"""The parts of `python -m bench.rolling_upgrade`."""
