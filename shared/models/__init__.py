"""The bodies that cross the HTTP API and the webhooks, as types: what is documented is what is checked."""
