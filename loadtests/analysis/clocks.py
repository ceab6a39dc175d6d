"""By how much the clocks of a run's machines differ from the generator's, and which stages that makes doubtful."""

import ipaddress
import socket
from typing import Any, Literal
from urllib.parse import urlsplit

import duckdb
from pydantic import BaseModel, Field, ValidationError

from loadtests.analysis.histograms import Latency
from loadtests.analysis.join import BadResults
from loadtests.analysis.stages import SMALL, STAGES, STAMPED_BY, Stage, Stamper

MANIFEST = "clock_offsets"  # the manifest's key for what was read
FRONT_END = "front end"
UNKNOWN = float("inf")
Range = tuple[float, float]


class Reading(BaseModel):
    """A clock's offset at one time: the truth is in offset ± bound. Seconds."""

    at: float = Field(description="when, epoch seconds of the generator's clock")
    offset: float = Field(description="the machine's clock minus the generator's")
    bound: float
    count: int = Field(description="round trips, or tasks, of which this is the best")


class Clock(BaseModel):
    """One machine's clock beside the generator's."""

    machine: str
    how: Literal["ssh", "kubectl exec", "records"]
    same: bool = Field(description="it is the generator's own clock: offset 0, and the readings are a check of that")
    stamps: list[Stamper] = Field(description="whose instants of a task are read from it")
    before: Reading | None = Field(None, description="before the load; by records: of its first half")
    after: Reading | None = Field(None, description="after the load; by records: of its second half")
    unread: dict[Literal["before", "after"], str] = Field({}, description="why there is no reading")

    @property
    def readings(self) -> list[Reading]:
        return [each for each in (self.before, self.after) if each]

    @property
    def surprising(self) -> bool:
        """Whether it is said to be the generator's, and is not."""
        return self.same and any(abs(each.offset) > each.bound for each in self.readings)

    @property
    def range(self) -> Range | None:
        """All offsets it may have had, if it did not leave and come back in between; None: not known."""
        if self.same and not self.surprising:
            return 0.0, 0.0
        if not self.readings:
            return None
        return min(r.offset - r.bound for r in self.readings), max(r.offset + r.bound for r in self.readings)

    @property
    def drift(self) -> tuple[float, float] | None:
        """Its change over the load, and that one's bound."""
        if not (self.before and self.after):
            return None
        return self.after.offset - self.before.offset, self.before.bound + self.after.bound


def known(db: duckdb.DuckDBPyConnection, phases: list[dict[str, Any]], about: dict[str, Any]) -> list[Clock]:
    """Those that were asked (`about`: the manifest), and by the records those that could not be. Raises BadResults.

    Empty where one machine carried everything, or a run does not tell where its front end was.
    """
    host = urlsplit(str(phases[-1].get("host") or "")).hostname
    if not host or (about.get("stack") or {}).get("target") == "local":
        return []
    try:
        asked = [Clock.model_validate(each) for each in about.get(MANIFEST) or []]
    except ValidationError as error:
        raise BadResults(f"manifest.json: {MANIFEST}: {error.errors()[0]['msg']}") from error
    told = {part for clock in asked if clock.range for part in clock.stamps}
    found = list(asked)
    # A name that cannot exist (RFC 2606) stands for no front end: the generator itself published.
    if "web" not in told and not host.endswith(".invalid"):
        # The end of a port-forward is here, and the front end is not.
        here = _here(host) and (about.get("stack") or {}).get("target") != "kubernetes"
        found += _by_records(db, "web", f"'{FRONT_END}'", ("published", "confirmed"), here, "")
    if "worker" not in told:
        generator = str((phases[-1].get("generator") or {}).get("hostname") or "")
        found += _by_records(db, "worker", "split_part(worker, '@', 2)", ("received", "finished"), False, generator)
    return found


def _by_records(
    db: duckdb.DuckDBPyConnection, part: Stamper, machine: str, stamps: tuple[str, str], here: bool, generator: str
) -> list[Clock]:
    """From the tasks' own stamps: the first follows `sent`, the last precedes what the generator saw next.

    Each task bounds the offset from both sides, and the tightest bounds of all hold at once (K. Marzullo, "Maintaining
    the Time in a Distributed System", Stanford 1984). No request is sent for it.
    """
    first, last = stamps
    seen = "answered" if part == "web" else "known"
    rows = db.execute(
        f"""SELECT {machine} AS machine, scheduled >= (SELECT median(scheduled) FROM tasks) AS later,
              max({last} - {seen}) AS low, min({first} - sent) AS high, avg(sent), count(*)
            FROM tasks WHERE outcome = 'accepted' AND {first} - sent + {last} - {seen} IS NOT NULL
              AND {machine} IS NOT NULL GROUP BY ALL ORDER BY machine, later"""  # noqa: S608
    ).fetchall()
    clocks: dict[str, Clock] = {}
    for name, later, low, high, at, count in rows:
        same = here or name == generator
        clock = clocks.setdefault(name, Clock(machine=name, how="records", same=same, stamps=[part]))
        # Bounds that exclude each other: it was set, or drifted, in between. What lies between them is then its range.
        reading = Reading(at=at, offset=(low + high) / 2, bound=abs(high - low) / 2, count=count)
        setattr(clock, "after" if later else "before", reading)
    return list(clocks.values())


def _here(host: str) -> bool:
    """Whether a URL's host is this machine."""
    try:
        return host in ("localhost", socket.gethostname()) or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shift(stage: Stage, clocks: list[Clock]) -> float:
    """Seconds by which the clocks may have made a stage longer or shorter, at most."""
    most = 0.0
    for one, begin in _machines(STAMPED_BY[stage.begin], clocks):
        for other, end in _machines(STAMPED_BY[stage.end], clocks):
            if one == other or not stage.crosses:
                continue
            if begin is None or end is None:
                return UNKNOWN
            most = max(most, abs(end[1] - begin[0]), abs(end[0] - begin[1]))
    return most


def _machines(part: Stamper, clocks: list[Clock]) -> list[tuple[str, Range | None]]:
    found = [(clock.machine, clock.range) for clock in clocks if part in clock.stamps]
    return found or [("", (0.0, 0.0))]  # the generator's own


def ahead(part: Stamper, clocks: list[Clock]) -> Range:
    """Between what this part's clocks are ahead of the generator's, in seconds; (-inf, inf): not known."""
    ranges = [found for _, found in _machines(part, clocks)]
    if any(found is None for found in ranges):
        return -UNKNOWN, UNKNOWN
    return min(found[0] for found in ranges if found), max(found[1] for found in ranges if found)


def doubtful(latency: dict[str, Latency], clocks: list[Clock]) -> dict[str, float]:
    """Stages whose p50 is no more than noise of the clocks, and by how many seconds they may be wrong."""
    found = {}
    for stage in STAGES:
        p50 = latency[stage.name].p50 if stage.name in latency else None
        if p50 is not None and (most := shift(stage, clocks)) > SMALL * p50:
            found[stage.name] = most
    return found


def notes(latency: dict[str, Latency], clocks: list[Clock]) -> list[str]:
    """What to know of the clocks when reading the numbers."""
    told = []
    doubts = doubtful(latency, clocks)
    if doubts:
        each = ", ".join(
            f"{stage.title} (p50 {_ms(latency[stage.name].p50 or 0)}, {_within(doubts[stage.name])})"
            for stage in STAGES
            if stage.name in doubts
        )
        told.append(f"the machines' clocks differ; do not rely on: {each}")
    for clock in clocks:
        if clock.surprising:
            offset = max((reading.offset for reading in clock.readings), key=abs)
            told.append(f"{clock.machine} ought to have the generator's clock, and is {offset * 1000:+.1f} ms off")
        for when, why in clock.unread.items():
            told.append(f"{clock.machine}: its clock was not read {when} the load: {why}")
    return told


def _within(most: float) -> str:
    return "by an offset that is not known" if most == UNKNOWN else f"wrong by up to {_ms(most)}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
