"""What the lab says when it cannot."""


class LabError(Exception):
    """The text says what is wrong and what to do."""
