"""The run that kills hosts and storage, its evidence, and its verdict."""
