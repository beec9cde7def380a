"""Outgoing HTTP: the one way out, its deadline, and the guard that keeps webhooks on public addresses."""
