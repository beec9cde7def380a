"""A webhook receiver for this machine: like a customer's, it verifies every request, and it shows and keeps it."""
