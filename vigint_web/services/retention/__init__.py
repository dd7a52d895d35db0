"""Delete what is past its retention; change the retention in force."""
