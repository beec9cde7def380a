"""Webhooks: every finished job is announced, signed, retried, and can be replayed."""
