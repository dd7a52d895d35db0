"""Compose mails and hand them to a mail server."""
