"""The sample data of `make run`: a publisher's offers, and two weeks of finished jobs."""
