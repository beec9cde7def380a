"""Errors that keep the host from starting, or make Azure drop a function."""


class HostError(Exception):
    """The host cannot run this app. The message is a few plain lines for the terminal."""


class FunctionError(Exception):
    """Azure would silently leave out this function and run the others. The message says what is wrong with it."""
