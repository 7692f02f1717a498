"""The error that a user can put right."""


class InputError(Exception):
    """What the user can put right: shown as one line, exit code 2."""
