"""The foundation of all services: transactions, leases, jobs, cursors, actors."""
