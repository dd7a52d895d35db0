"""Compose mails and send them to a mail server."""
