"""Processes, private files and the queue's socket on this machine."""
