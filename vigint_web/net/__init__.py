"""Addresses of mailboxes and requests to other servers."""
