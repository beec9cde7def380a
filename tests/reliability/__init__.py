"""The proofs behind docs/reliability.md. `make test-slow` runs them, and each one writes its results to that page."""
