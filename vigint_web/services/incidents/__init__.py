"""Incidents: parsing detectors' posts, storing them, releasing their alerts."""
