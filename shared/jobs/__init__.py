"""Jobs: what the monitor knows of a job, and where it is kept from registration to history."""
