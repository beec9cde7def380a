"""Plays each fault of the sandbox on each request of each call, and judges what came of it."""
