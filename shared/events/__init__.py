"""Events: their types, the patterns that choose them, and the outbox that sends them."""
