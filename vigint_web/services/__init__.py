"""Verbs: what can be done. Transactions live here; no service sees a request."""
