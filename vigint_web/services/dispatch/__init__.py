"""The transactional outbox: what is owed, digests, outages."""
