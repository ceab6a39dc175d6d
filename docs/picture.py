"""Draws docs/architecture.svg from stack.yml, so that the picture cannot disagree with what runs. `make picture`."""

import sys
from pathlib import Path

from jinja2 import Environment

from app.broker.topology import DEAD, RECORDS, TASKS
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

TEMPLATE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1120 {{ height }}" role="img"
     font-family="system-ui, sans-serif" font-size="14">
<title>Warren: Locust sends tasks to the front end, RabbitMQ's queues carry them to pools of Celery workers</title>
<style>
  rect { fill: #fff; stroke: #8a93a3; rx: 8px } text { fill: #1d2430 } .quiet { fill: #5b6472; font-size: 12px }
  .area { fill: #f4f6f9; stroke: none } .head { font-weight: 600 } path { fill: none; stroke: #3566d6; stroke-width: 1.6 }
  .back { stroke: #1f8a5b; stroke-dasharray: 5 4 } .lost { stroke: #c2412d } .key { fill: #fff; stroke: #c9d0da }
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
  <path d="M0 0 L8 4 L0 8 z" style="fill:context-stroke;stroke:none"/></marker></defs>
<rect width="1120" height="{{ height }}" fill="#fff" style="stroke:none"/>
{% macro box(x, y, w, h, head, text) %}<rect x="{{ x }}" y="{{ y }}" width="{{ w }}" height="{{ h }}"/>
<text class="head" x="{{ x + 12 }}" y="{{ y + 22 }}">{{ head }}</text>
{% for line in text %}<text class="quiet" x="{{ x + 12 }}" y="{{ y + 22 + 17 * loop.index }}">{{ line }}</text>
{% endfor %}{% endmacro %}
{% macro arrow(d, kind="") %}<path class="{{ kind }}" d="{{ d }}" marker-end="url(#tip)"/>{% endmacro %}
<rect class="area" x="420" y="20" width="320" height="{{ bottom }}"/><text class="quiet" x="432" y="38">RabbitMQ,
 {{ c.broker.queue_type }} queues</text>
{{ box(20, middle - 44, 140, 88, "Locust", ["open arrivals", "one id a task", "HTTP only"]) }}
{{ box(220, middle - 44, 150, 88, "front end", ["Flask on granian", "202 = confirmed", "503 = say which"]) }}
{{ box(436, middle - 24, 84, 48, tasks, ["exchange"]) }}
{% for name, pools in rows %}{% set y = 60 + loop.index0 * 84 %}
{{ box(576, y, 148, 56, name, ["queue"]) }}{{ arrow("M520 %d C548 %d 548 %d 574 %d" % (middle, middle, y + 28, y + 28)) }}
{{ box(800, y - 6, 200, 68, "pool " + pools[0], pools[1]) }}
{{ arrow("M724 %d L798 %d" % (y + 28, y + 28)) }}
{{ arrow("M1000 %d C1020 %d 1008 %d 1028 %d" % (y + 28, y + 28, middle, middle)) }}{% endfor %}
{{ box(1030, middle - 24, 82, 44, "results", []) }}
{{ box(436, below, 136, 56, dead, ["listed, replayed"]) }}{{ box(588, below, 136, 56, records, ["stream"]) }}
{{ arrow("M160 %d L218 %d" % (middle, middle)) }}{{ arrow("M370 %d L434 %d" % (middle, middle)) }}
{{ arrow("M812 %d C800 %d 780 %d 726 %d" % (below - 24, below + 20, below + 28, below + 28), "back") }}
{{ arrow("M588 %d C560 %d 300 %d 295 %d" % (below + 50, below + 84, below + 84, middle + 46), "back") }}
{{ arrow("M610 %d C610 %d 530 %d 530 %d" % (below - 30, below - 12, below - 20, below - 2), "lost") }}
<g transform="translate(20 {{ life }})">{% for owner, marks in line %}{% for mark in marks %}
<rect class="key" x="{{ mark.x }}" y="0" width="118" height="46"/><text x="{{ mark.x + 12 }}" y="20">{{ mark.name }}</text>
<text class="quiet" x="{{ mark.x + 12 }}" y="37">{{ owner }}</text>{% if not mark.last %}
{{ arrow("M%d 23 L%d 23" % (mark.x + 118, mark.x + 135)) }}{% endif %}{% endfor %}{% endfor %}</g>
</svg>
"""


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
    return Environment(autoescape=True).from_string(TEMPLATE).render(
        c=contract, rows=rows, middle=88 + (count - 1) * 42, below=below, bottom=below + 50, life=below + 110,
        height=below + 176, line=marks, tasks=TASKS, dead=DEAD, records=RECORDS,
    )  # fmt: skip


if __name__ == "__main__":
    target = HERE / "architecture.svg"
    target.write_text(draw(load_contract(HERE.parent / "stack.yml")), encoding="utf-8")
    sys.stdout.write(f"{target.name} drawn\n")
