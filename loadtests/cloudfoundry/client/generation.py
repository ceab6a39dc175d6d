"""The instances from before a change, to be told from those that take their place."""

import time
from collections.abc import Iterable

from loadtests.cloudfoundry.client.resources import Instance

# Seconds by which the foundation's clock and the moment of our asking may be apart.
CLOCKS = 2.0


class Generation:
    """`seen`: guid of its process, and instance. Large foundations name each instance; others tell how long it runs."""

    def __init__(self, seen: Iterable[tuple[str, Instance]] = ()) -> None:
        seen = list(seen)
        self._began = time.monotonic()
        self._places = {(process, each.index) for process, each in seen}
        self._guids = {each.instance_guid for _, each in seen if each.instance_guid}
        self._crashed = {(process, each.index) for process, each in seen if each.state == "CRASHED"}

    @property
    def named(self) -> bool:
        """Whether its instances can be told from others for certain."""
        return bool(self._guids)

    def has(self, process: str, instance: Instance) -> bool:
        """As far as the foundation lets us know."""
        if instance.instance_guid:
            return instance.instance_guid in self._guids
        if (process, instance.index) not in self._places or instance.uptime is None:
            return False
        return instance.uptime > time.monotonic() - self._began + CLOCKS

    def is_to_blame(self, process: str, instance: Instance) -> bool:
        """Whether a crash is none of what came after. Where one has crashed before, another state means another
        instance."""
        place = (process, instance.index)
        if instance.state != "CRASHED":
            self._crashed.discard(place)
        return place in self._crashed or self.has(process, instance)
