"""A webhook receiver for this machine: it verifies every request as a customer's would, shows it and keeps it."""
