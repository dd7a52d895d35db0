"""Delete data at the end of its retention; change the retention in force."""
