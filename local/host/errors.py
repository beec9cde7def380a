"""What keeps the host from starting, and what costs an app one function."""


class HostError(Exception):
    """The host cannot run this app. The message is for the person at the terminal: a few plain lines."""


class FunctionError(Exception):
    """Azure leaves this function out, runs the others, and tells nobody. The message says what is wrong with it."""
