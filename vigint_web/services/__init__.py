"""Actions of the application. Transactions are here; no service accesses a request."""
