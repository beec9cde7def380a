"""Secrets that carry a mark, the places where they are seen, and the search for those that are where none may be."""
