"""The documents that programs read."""
