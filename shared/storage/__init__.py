"""Table Storage: the tables, and the stores that keep the monitor's records in them."""
