"""Texts that mark in the log what Azure drops silently. Tests look for them."""

DROPPED_FUNCTION = "AZURE DROPS THE FUNCTION"  # its callers get 404
DROPPED_LINE = "Azure drops this line"  # it never reaches Application Insights
