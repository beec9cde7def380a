"""The model of jobs, endpoints, deliveries and offers, and the machine that compares the app with it."""
