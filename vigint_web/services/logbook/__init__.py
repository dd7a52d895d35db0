"""The log of a site's night: what happened, who was notified; mailed at a set time."""
