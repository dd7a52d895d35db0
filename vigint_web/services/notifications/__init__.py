"""Render what is owed and deliver it."""
