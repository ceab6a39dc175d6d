"""What apps and stagings printed last, as far as the foundation's log cache has it."""

import base64
from datetime import UTC, datetime
from typing import Any

from loadtests.cloudfoundry.client.errors import FoundationError
from loadtests.cloudfoundry.client.resources import LogLine
from loadtests.cloudfoundry.client.transport import Transport

STAGING = "STG"


class Logs:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def recent(self, app: str) -> list[LogLine]:
        """Oldest first; as many as the cache gives unasked (asking for a number empties it on some foundations)."""
        query = {"envelope_types": "LOG", "descending": "true"}
        base = self._transport.root.log_cache
        answer = self._transport.request("GET", f"/api/v1/read/{app}", at=base, params=query)
        batch = (self._transport.object(answer).get("envelopes") or {}).get("batch") or []
        # By the nanosecond, as it comes: a float or a datetime would mix up lines of one moment.
        return [_line(each) for each in sorted(batch, key=lambda each: int(each.get("timestamp") or 0))]

    def last(self, app: str, lines: int = 15, source: str = "", instance: int | None = None) -> list[LogLine]:
        """For messages: the last lines of the sources that start so, and of one instance; none rather than an error."""
        try:
            found = self.recent(app)
        except FoundationError:
            return []
        fit = [line for line in found if line.source.startswith(source)]
        if instance is not None:
            fit = [line for line in fit if line.instance in ("", str(instance))]
        return fit[-lines:]


def _line(envelope: dict[str, Any]) -> LogLine:
    tags, log = envelope.get("tags") or {}, envelope.get("log") or {}
    nanoseconds = int(envelope.get("timestamp") or 0)
    payload = base64.b64decode(log.get("payload") or "")
    return LogLine(
        time=datetime.fromtimestamp(nanoseconds / 1e9, UTC),
        source=str(tags.get("source_type") or ""),
        instance=str(envelope.get("instance_id") or ""),
        text=payload.decode(errors="replace").rstrip("\n"),
    )
