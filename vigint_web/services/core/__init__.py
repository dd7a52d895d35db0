"""What every service stands on: transactions, leases, jobs, cursors, actors."""
