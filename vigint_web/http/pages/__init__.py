"""Shared by pages and documents: language, cursors, fragments."""
