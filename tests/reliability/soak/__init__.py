"""Simulated weeks of one process of the app: what drives it, what is counted, and the verdict."""
