"""Jobs: what the monitor knows of one, how a poll changes it, and the cycle that polls them all."""
