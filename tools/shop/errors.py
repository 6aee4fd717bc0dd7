"""What can keep a shop from starting."""


class CannotStartError(Exception):
    """The shop cannot start; the text says why and what to do, a line for each reason."""
