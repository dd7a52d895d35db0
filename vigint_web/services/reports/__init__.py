"""Overviews, trends and lists across domains."""
