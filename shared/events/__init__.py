"""What can be announced: events and the patterns that choose them."""
