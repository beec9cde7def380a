"""Polling: what one poll does to a job, and the cycle that polls every job that is due."""
