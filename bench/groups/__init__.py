"""The rows of the table, in groups that share their measurements. `--only` names a group."""
