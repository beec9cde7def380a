"""The rows of the table, in groups that share measurements. `--only` selects groups."""
