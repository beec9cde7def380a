"""The monitor below its triggers: handlers, domain, API clients, stores, settings. Imports lead downward only."""
