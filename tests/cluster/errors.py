"""What the cluster says when it cannot. The programs it shares with the lab say it the lab's way."""

from ..lab.errors import LabError


class ClusterError(LabError):
    """The text says what is wrong and what to do."""
