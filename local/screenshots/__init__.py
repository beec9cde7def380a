"""Makes the pictures of the dashboard in docs/images (`make screenshots`)."""
