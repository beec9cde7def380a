"""Table Storage: tables, partitions, transactions, and documents too long for one row."""
