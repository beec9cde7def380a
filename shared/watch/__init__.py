"""The watch: follows the offers themselves, after their jobs are done, and keeps a snapshot of each."""
