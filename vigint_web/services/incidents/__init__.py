"""Incidents: reading what detectors post, storing it, releasing its alerts."""
