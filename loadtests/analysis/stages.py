"""The stages of a task's life. The measured line is defined here, once.

    scheduled → sent → published → confirmed → received → started → finished → known
       generator          web         broker      worker               generator

A worker may have a message before its publisher hears of the confirm: both follow from the same disk write. So the
confirm is a branch, and the additive chain, in which each instant of a task's life is counted once, goes from published
to received.
"""

from dataclasses import dataclass
from typing import Literal

Owner = Literal["generator", "web", "broker", "worker", "whole"]
Kind = Literal["chain", "branch", "total"]
# Whose clock an instant is read from.
Stamper = Literal["generator", "web", "worker"]
STAMPED_BY: dict[str, Stamper] = {
    "scheduled": "generator",
    "sent": "generator",
    "published": "web",
    "confirmed": "web",
    "answered": "generator",
    "received": "worker",
    "started": "worker",
    "finished": "worker",
    "known": "generator",
}


@dataclass(frozen=True)
class Stage:
    """The time from one instant to a later one. `owner`: whose it is."""

    begin: str
    end: str
    owner: Owner
    kind: Kind
    what: str

    @property
    def name(self) -> str:
        """Its key in result.json."""
        return f"{self.begin}_to_{self.end}"

    @property
    def title(self) -> str:
        return f"{self.begin} → {self.end}"

    @property
    def crosses(self) -> bool:
        """Whether two parts of the stack stamp it, which may be two machines with two clocks."""
        return STAMPED_BY[self.begin] != STAMPED_BY[self.end]


STAGES = (
    Stage("scheduled", "sent", "generator", "chain", "waiting for a free sender, and the generator's own lateness"),
    Stage("sent", "published", "web", "chain", "HTTP request: network, front end, until the message is handed over"),
    Stage("published", "received", "broker", "chain", "stored, queued, delivered to a worker"),
    Stage("received", "started", "worker", "chain", "in the worker's hands (prefetched), waiting for its turn"),
    Stage("started", "finished", "worker", "chain", "the task itself"),
    Stage("published", "confirmed", "broker", "branch", "until the broker has it safe"),
    Stage("confirmed", "received", "broker", "branch", "waiting in the queue; 0 when a worker had it even before"),
    Stage("confirmed", "answered", "web", "branch", "the 202 on its way back"),
    Stage(
        "finished", "known", "generator", "branch", "until the generator read the record; it looks every two seconds"
    ),
    Stage("scheduled", "answered", "whole", "total", "until the 202: what the caller waits"),
    Stage("scheduled", "finished", "whole", "total", "until the task is done"),
    Stage(
        "scheduled",
        "known",
        "whole",
        "total",
        "until the generator knows it is done: one clock, right on any number of hosts",
    ),
)
CHAIN = tuple(stage for stage in STAGES if stage.kind == "chain")
# The one that headlines quote.
HEADLINE = "scheduled_to_finished"

# A stage that the clocks may shift by more than this share of its p50 is marked.
SMALL = 0.05
CLOCK_RULE = (
    "All times are epoch seconds of the clock of the machine that saw the event; no record is altered. On one machine "
    "every difference is meaningful. On several, a stage that begins on one and ends on another is wrong by the offset "
    "of their clocks, which is estimated with its bound; a stage that it may shift by more than "
    f"{SMALL:.0%} of its p50 is marked. scheduled→sent, scheduled→answered, published→confirmed, received→started, "
    "started→finished and scheduled→known are each of one clock. Negative differences count as 0, and how many is told."
)
