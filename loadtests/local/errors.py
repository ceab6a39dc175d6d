"""What can go wrong with a local stack; each text says what to do about it."""


class StackError(Exception):
    """The stack cannot be started, used or stopped."""


class NoRabbitMQ(StackError):
    """There is no RabbitMQ on this machine."""


class BrokerFailed(StackError):
    """RabbitMQ did not start or answer; the text holds the end of its log."""


class NotReady(StackError):
    """A part did not become ready; the text holds the end of its log."""


class PortTaken(StackError):
    """Somebody else listens on the port that was asked for."""


class StackBusy(StackError):
    """Another command is starting or stopping this stack right now."""
