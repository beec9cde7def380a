"""Polling: the rules for one job, and the cycle that asks about every job that is due."""
