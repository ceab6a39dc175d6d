"""Who does a fault to a stack. Each target has hands of its own, and says beforehand what they cannot do."""

from typing import Protocol

from loadtests.faults.schedule import Fault


class Hands(Protocol):
    """The hands of a target, for one stack."""

    def begin(self, fault: Fault) -> None:
        """Do it."""

    def end(self, fault: Fault) -> None:
        """Put back what goes on, and wait until the whole stack works again. Harmless when nothing had begun."""
