"""The web server's worker: when a connection gets a thread, and for how long."""
