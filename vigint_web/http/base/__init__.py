"""Mechanics of every answer: request ids, errors, static files."""
