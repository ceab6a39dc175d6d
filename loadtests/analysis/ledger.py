"""The ledger: what became of every task, by its id. What was accepted finishes, or is shown to have ended otherwise."""

import duckdb
from pydantic import BaseModel, Field

MOST_IDS = 20


class UnknownFate(BaseModel):
    """Sends without a clear answer: the task may or may not be on the broker. Apart from the balance."""

    sent: int
    finished: int
    dead_lettered: int
    unseen: int


class Ledger(BaseModel):
    """Counts of tasks. `balanced`: nothing accepted is missing, and nothing ran that was surely not accepted."""

    balanced: bool
    sent: int = Field(description="requests made")
    accepted: int = Field(description="answered 202: the broker had confirmed the message")
    refused: int = Field(description="answered that they were surely not sent")
    finished: int = Field(description="of the accepted: ran to an end at least once, well or not")
    succeeded: int
    failed: int
    dead_lettered: int = Field(description="of the accepted: not finished, and among the dead letters")
    revoked: int
    expired: int
    missing: int = Field(description="accepted − finished − dead_lettered − revoked − expired (− not_known)")
    not_known: int = Field(description="accepted by a stack that tells nothing of its tasks")
    duplicated: int = Field(description="tasks that finished more than once")
    surplus: int = Field(description="finishes beyond the first")
    redelivered: int = Field(description="tasks of which an attempt was a redelivery")
    refused_but_ran: int
    unknown_fate: UnknownFate
    strangers: int = Field(description="tasks with a record of this run that no part file says were sent")
    missing_ids: list[str] = Field(description=f"the first {MOST_IDS}")


def ledger(db: duckdb.DuckDBPyConnection) -> Ledger:
    """From the tables that `join` made."""

    def count(where: str) -> int:
        row = db.execute(f"SELECT count(*) FROM tasks WHERE {where}").fetchone()  # noqa: S608
        return int(row[0]) if row else 0

    def accepted(where: str) -> int:
        return count(f"outcome = 'accepted' AND {where}")

    missing, refused_but_ran = accepted("state = 'missing'"), count("outcome = 'refused' AND (finishes > 0 OR dead)")
    ids = db.execute("SELECT id FROM tasks WHERE state = 'missing' ORDER BY scheduled LIMIT ?", [MOST_IDS]).fetchall()
    surplus = db.execute("SELECT coalesce(sum(finishes - 1), 0) FROM tasks WHERE finishes > 1").fetchone()
    strangers = db.execute("SELECT count(DISTINCT id) FROM attempts ANTI JOIN sends USING (id)").fetchone()
    unknown = "outcome = 'unknown' AND "
    return Ledger(
        balanced=missing == 0 and refused_but_ran == 0,
        sent=count("true"),
        accepted=accepted("true"),
        refused=count("outcome = 'refused'"),
        finished=accepted("finishes > 0"),
        succeeded=accepted("state = 'success'"),
        failed=accepted("state = 'failure'"),
        dead_lettered=accepted("state = 'dead'"),
        revoked=accepted("state = 'revoked'"),
        expired=accepted("state = 'expired'"),
        missing=missing,
        not_known=accepted("state = 'not known'"),
        duplicated=count("finishes > 1"),
        surplus=int(surplus[0]) if surplus else 0,
        redelivered=count("redelivered"),
        refused_but_ran=refused_but_ran,
        unknown_fate=UnknownFate(
            sent=count(unknown + "true"),
            finished=count(unknown + "finishes > 0"),
            dead_lettered=count(unknown + "finishes = 0 AND dead"),
            unseen=count(unknown + "finishes = 0 AND NOT dead"),
        ),
        strangers=int(strangers[0]) if strangers else 0,
        missing_ids=[row[0] for row in ids],
    )
