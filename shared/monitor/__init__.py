"""The monitor watching itself: what its cycles did, and whether it can do its work."""
