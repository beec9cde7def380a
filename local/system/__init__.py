"""The whole system on one machine: what `make run` starts, shows, checks and stops."""
