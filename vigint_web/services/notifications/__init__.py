"""Render notifications and deliver them."""
