"""The transactional outbox: pending notifications, digests, outages."""
