"""Send stored bytes by ranges, and close the connection when a link ends."""
