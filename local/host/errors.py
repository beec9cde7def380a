"""Why the host cannot start."""


class HostError(Exception):
    """The host cannot run this app. The message is meant for the person at the terminal: a few plain lines."""
