"""What the log says about things that Azure drops without a word. Tests look for these texts."""

DROPPED_FUNCTION = "AZURE DROPS THE FUNCTION"  # and its callers get 404
DROPPED_LINE = "Azure drops this line"  # so that it never reaches Application Insights
