"""Outgoing HTTP: the adapter, its deadline, and the guard that keeps webhooks on public addresses."""
