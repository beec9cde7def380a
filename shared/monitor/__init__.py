"""The monitor watches itself: its state, its health, and the clean-up of what has outlived its retention."""
