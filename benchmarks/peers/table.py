"""The table of the peers: on the terminal, as Markdown, and between the markers of a page that has some."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from benchmarks.peers.document import MEASURES, BadPeers, Measure, Peers
from loadtests import documents
from loadtests.analysis.manifest import machines

FILE = "peers.md"
LOST = ("lost", "ran twice")


def terminal(found: Peers) -> Table:
    """For a screen: the fastest first in each measure."""
    table = Table(box=None, padding=(0, 1), show_header=False)
    for number in range(4):
        table.add_column(justify="right" if number in (1, 2) else "left", no_wrap=number in (1, 2))
    for name, head in MEASURES.items():
        table.add_row(f"[bold]{head}[/bold]", "tasks/s", "÷ ours", "", style="dim")
        for peer in sorted(found.peers, key=lambda each: -(each.measures[name].median or 0)):
            measure = peer.measures[name]
            table.add_row(f"  {peer.name}", _median(measure), _ratio(measure), _verdict(measure))
    return table


def ahead(found: Peers) -> list[str]:
    """A sentence for each measure in which a peer is ahead of us."""
    return [
        f"{peer.title} is ahead of us in {head}: {_ratio(peer.measures[name])}"
        for peer in found.peers
        for name, head in MEASURES.items()
        if peer.measures[name].verdict == "ahead of us"
    ]


def markdown(found: Peers) -> str:
    """The table with what it was measured on and with."""
    head = ["tasks a second", *MEASURES.values(), *LOST]
    lines = [_row(head), _row(["---", *["---:"] * (len(head) - 1)])]
    for peer in found.peers:
        cells = [_cell(peer.measures[name]) for name in MEASURES]
        lines.append(_row([f"**{peer.title}**<br>{peer.safety}", *cells, f"{peer.missing:,}", f"{peer.duplicated:,}"]))
    lines += ["", *_about(found)]
    return "\n".join(lines) + "\n"


def settings(found: Peers) -> str:
    """What was set for each peer, and where its authors recommend it."""
    lines: list[str] = []
    for peer in found.peers:
        versions = ", ".join(f"{name} {version}" for name, version in peer.versions.items())
        lines += [f"**{peer.title}** ({versions}): {peer.safety}.", ""]
        lines += [f"- {text} ({_link(source)})" for text, source in peer.settings]
        lines += [f"- Note: {note}." for note in peer.notes]
        lines.append("")
    return "\n".join(lines)


def page(found: Peers) -> str:
    """peers.md: both."""
    return f"# Peers in one run\n\n{markdown(found)}\n## Settings\n\n{settings(found)}"


def insert(path: Path, found: Peers) -> None:
    """Rewrite what stands between `<!-- peers:table -->` and `<!-- /peers:table -->`, and the same of `settings`.

    The page is written whole or not at all. Raises BadPeers: it cannot be read, or has no such markers.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadPeers(f"{path}: {error.strerror}") from error
    count = 0
    for name, content in (("table", markdown(found)), ("settings", settings(found))):
        pattern = re.compile(f"(<!-- peers:{name} -->\n).*?(?=<!-- /peers:{name} -->)", re.DOTALL)
        # Escaped: the replacement is a template of its own.
        text, times = pattern.subn("\\1" + content.replace("\\", "\\\\"), text)
        count += times
    if not count:
        raise BadPeers(f"{path}: put the lines <!-- peers:table --> and <!-- /peers:table --> where the table shall be")
    documents.write_text(path, text)


def _about(found: Peers) -> Iterable[str]:
    when = datetime.fromtimestamp(found.started, UTC)
    broker = (found.manifest.get("stack") or {}).get("broker") or {}
    git = found.manifest.get("git") or {}
    unfinished = f"**Unfinished: {found.rounds} of {found.asked} rounds.** " if found.rounds < found.asked else ""
    yield (
        f"{unfinished}Medians of {found.rounds} interleaved rounds; below them the ratio to Celery as Warren does. "
        f"Intervals: 95 %, each for itself. Verdicts: a rank test, p ≤ {found.level:g}, as {len(MEASURES)} columns are "
        f"read at once; so an interval without 1.00 may still be *not told apart*, a hint and no finding."
    )
    yield ""
    yield f"- {when:%Y-%m-%d}, {'; '.join(_machine(found))}"
    rabbitmq = [f"RabbitMQ {broker['version']} (Erlang {broker.get('erlang')})"] if broker.get("version") else []
    servers = [*rabbitmq, *broker.get("others", [])]
    yield f"- {', '.join(servers)}, Python {found.manifest.get('versions', {}).get('python')}"
    yield f"- `{found.command}` at revision {str(git.get('revision'))[:12]}"
    for sentence in ahead(found):
        yield f"- {sentence}"
    for peer in found.peers:
        for name, head in MEASURES.items():
            for reason in dict.fromkeys(peer.measures[name].reasons):
                yield f"- {peer.title}, {head}: {reason}"
        if peer.refused:
            yield f"- {peer.title}: {peer.refused:,} requests were not accepted"
    for name, why in found.left_out.items():
        yield f"- {name} is left out: {why.partition(';')[0]}"
    for note in found.notes:
        yield f"- {note}"


def _machine(found: Peers) -> list[str]:
    # Without the host's name, which says nothing to a reader.
    return [each.partition(": ")[2] or each for each in machines(found.manifest)]


def _cell(measure: Measure) -> str:
    return "<br>".join(each for each in (_median(measure), _ratio(measure), _verdict(measure)) if each)


def _median(measure: Measure) -> str:
    if measure.median is None:
        return "—"
    interval = "" if measure.low is None else f" [{measure.low:,.0f}, {measure.high:,.0f}]"
    return f"{measure.median:,.0f}{interval}"


def _verdict(measure: Measure) -> str:
    return "" if measure.verdict == "ours" else measure.verdict


def _ratio(measure: Measure) -> str:
    ratio = measure.ratio
    return f"{ratio.value:.2f}× [{ratio.low:.2f}, {ratio.high:.2f}]" if ratio else ""


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _link(source: str) -> str:
    if not source.startswith("https://"):
        return f"`{source}`"
    return f"[{source.removeprefix('https://').partition('/')[0]}]({source})"
