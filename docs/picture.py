"""Draws docs/architecture.svg from stack.yml, so that the picture cannot disagree with what runs. `make picture`."""

import sys
from pathlib import Path

from jinja2 import Environment

from app.broker.names import DEAD, RECORDS, TASKS
from app.contract import Contract, load_contract

HERE = Path(__file__).parent

# The line of one task's life and who owns each stretch of it.
LIFE = [
    ("generator", ["scheduled", "sent"]),
    ("front end", ["published"]),
    ("broker", ["confirmed", "received"]),
    ("worker", ["started", "finished"]),
    ("generator", ["known"]),
]


def draw(contract: Contract) -> str:
    """The picture as SVG text: a row for each queue with the pool that reads it, and the measured line below."""
    reader = {queue: (name, pool) for name, pool in contract.pools.items() for queue in pool.queues}
    rows = []
    for queue in contract.queues:
        name, pool = reader[queue]
        rows.append(
            (queue, (name, [f"{pool.kind}, prefetch {pool.prefetch}", ", ".join(contract.queues[queue].tasks)]))
        )
    count = len(rows)
    below = 70 + count * 84
    names = [(owner, mark) for owner, marks in LIFE for mark in marks]
    marks = [(o, [{"name": m, "x": i * 136, "last": i == len(names) - 1}]) for i, (o, m) in enumerate(names)]
    return Environment(autoescape=True).from_string((HERE / "architecture.svg.jinja").read_text()).render(
        c=contract, rows=rows, middle=88 + (count - 1) * 42, below=below, bottom=below + 50, life=below + 110,
        height=below + 176, line=marks, tasks=TASKS, dead=DEAD, records=RECORDS,
    )  # fmt: skip


if __name__ == "__main__":
    target = HERE / "architecture.svg"
    target.write_text(draw(load_contract(HERE.parent / "stack.yml")), encoding="utf-8")
    sys.stdout.write(f"{target.name} drawn\n")
