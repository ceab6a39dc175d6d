"""What `python -m benchmarks.peers` does, from its options to an exit code."""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pika.exceptions import AMQPError
from redis import RedisError

from app.contract import Contract, ContractError, load_contract
from benchmarks.peers import brokers, document, table
from benchmarks.peers.catalogue import OURS, PEERS, Peer, at_once
from benchmarks.peers.document import MEASURES, Outcome, Peers
from benchmarks.peers.measure import TASKS, Site, Turn, turn
from benchmarks.peers.running import ROOT, PeerFailed
from loadtests import documents, interrupt
from loadtests.analysis import manifest
from loadtests.analysis.join import BadResults
from loadtests.bench.console import BenchConsole
from loadtests.bench.locust_run import PhaseFailed
from loadtests.bench.target import ask_broker
from loadtests.exits import BAD_INPUT, FAILED, INTERRUPTED, OK, UNBALANCED
from loadtests.generator.run_id import new_run_id
from loadtests.local.errors import NoRabbitMQ, StackError
from loadtests.local.rabbitmq import RabbitMQNode

STACK = ROOT / "stack.yml"
NOTES = (
    "generator, broker, front end and workers shared this machine's cores: in HTTP to done the generator has its part, "
    "in the other columns there is none",
)


class NoPeers(Exception):
    """None of those that were asked for can run on this machine."""


def run(options: dict[str, Any]) -> int:
    """Run it; the exit code."""
    interrupt.install()
    run_id = new_run_id()
    results: Path = options["results"] / run_id
    with BenchConsole() as console:
        try:
            found = _measure(options, run_id, results, console)
        except KeyboardInterrupt:
            console.say("interrupted; stopped the peers, their brokers and Locust")
            return _show_kept(results, console, INTERRUPTED)
        except (NoPeers, NoRabbitMQ, ContractError) as error:
            console.say(f"Error: {error}")
            return BAD_INPUT
        except (PeerFailed, StackError, AMQPError, RedisError, OSError) as error:
            console.say(f"Error: {error}")
            return _show_kept(results, console, FAILED)
        return _show(found, results, console)


def _measure(options: dict[str, Any], run_id: str, results: Path, console: BenchConsole) -> Peers:
    contract = load_contract(STACK)
    peers = [PEERS[name] for name in options["only"] or PEERS]
    left_out = {peer.name: why for peer in peers if (why := brokers.missing(peer))}
    for name, why in left_out.items():
        console.say(f"{name} is left out: {why}")
    peers = [peer for peer in peers if peer.name not in left_out]
    if not peers:
        raise NoPeers("none of these peers can run on this machine")
    turns: dict[str, list[Turn | None]] = {peer.name: [] for peer in peers}
    started = time.time()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="warren-peers-")))
        urls, facts = _brokers(stack, folder, peers, contract, console)
        results.mkdir(parents=True, exist_ok=True)
        about = manifest.manifest(contract.model_dump(mode="json", exclude_none=True), {"broker": facts})
        manifest.write(results, about)
        site = Site(
            contract=contract,
            stack_file=STACK,
            urls=urls,
            folder=folder,
            results=results,
            run=run_id,
            seconds=options["seconds"],
            tick=console.tick,
            say=console.say,
        )
        for done in _rounds(site, peers, turns, left_out, options, console):
            found = _document(run_id, started, options, done, contract, about, turns, left_out)
            _write(results, found)
    return found


def _brokers(
    stack: ExitStack, folder: Path, peers: list[Peer], contract: Any, console: BenchConsole
) -> tuple[dict[str, str], dict[str, Any]]:
    """Peer → its broker's URL; and what the brokers say of themselves."""
    urls, facts = {}, dict[str, Any]()
    on_rabbitmq = [peer for peer in peers if not peer.appendfsync]
    if on_rabbitmq:
        node = RabbitMQNode(folder / "node", contract)
        stack.callback(node.stop)
        console.status("starting RabbitMQ")
        node.start()
        for peer in on_rabbitmq:
            urls[peer.name] = brokers.prepare(node, peer, contract)
        facts = dict(ask_broker(node.url()) or {})
    for peer in peers:
        if peer.appendfsync:
            data = folder / peer.name
            data.mkdir()
            urls[peer.name] = stack.enter_context(brokers.valkey(data, peer.appendfsync))
            facts["others"] = [brokers.server_version(urls[peer.name])]
    return urls, facts


def _rounds(
    site: Site,
    peers: list[Peer],
    turns: dict[str, list[Turn | None]],
    left_out: dict[str, str],
    options: dict[str, Any],
    console: BenchConsole,
) -> Iterator[int]:
    """A first look at each, then every round in an order of its own; after each, how many are done.

    Who fails once is left out from then on.
    """
    rng = random.Random(options["seed"])  # noqa: S311  an order, not a secret

    def one(peer: Peer, number: int) -> Turn | None:
        if peer.name in left_out:
            return None
        interrupt.check()
        what = f"round {number} of {options['repeats']}" if number else "first look"
        console.status(f"{what}: {peer.title}")
        try:
            return turn(site, peer, number, over_http=number > 0)
        except (PeerFailed, PhaseFailed, BadResults, AMQPError, RedisError) as error:
            console.say(f"{peer.name} is left out: {error}")
            left_out[peer.name] = f"round {number} failed: {error}" if any(turns[peer.name]) else str(error)
            return None

    if not options["short"]:
        for peer in peers:
            one(peer, 0)
    for number in range(1, options["repeats"] + 1):
        for peer in rng.sample(peers, len(peers)):
            turns[peer.name].append(one(peer, number))
        console.say(f"round {number} of {options['repeats']}:")
        for peer in peers:
            if latest := turns[peer.name][-1]:
                console.say(f"  {peer.name:<16} {_shown(latest)}")
        yield number


def _document(
    run_id: str,
    started: float,
    options: dict[str, Any],
    done: int,
    contract: Contract,
    about: dict[str, Any],
    turns: dict[str, list[Turn | None]],
    left_out: dict[str, str],
) -> Peers:
    # Of a peer that failed late, the rounds before: None where it has none, so that rounds stay side by side.
    kept = {name: of for name, of in turns.items() if any(of)}
    ours = kept.get(OURS)
    return Peers(
        run=run_id,
        started=started,
        rounds=done,
        asked=options["repeats"],
        seed=options["seed"],
        level=document.level(),
        command=_command(options),
        manifest=about,
        peers=[_outcome(PEERS[name], of, ours) for name, of in kept.items()],
        left_out=left_out,
        notes=[_shape(contract), *NOTES],
    )


def _shape(contract: Contract) -> str:
    web = contract.web
    return (
        f"every front end is {web.processes} processes of {web.threads} threads (Taskiq's: a loop each), as stack.yml "
        f"has it; publishing is {at_once(contract)} calls at once"
    )


def _command(options: dict[str, Any]) -> str:
    """What measures the same again."""
    words = ["python -m benchmarks.peers", *(f"--only {name}" for name in options["only"])]
    words += [f"--repeats {options['repeats']}", f"--seconds {options['seconds']:g}", f"--seed {options['seed']}"]
    return " ".join([*words, *(["--short"] if options["short"] else [])])


def _outcome(peer: Peer, turns: list[Turn | None], ours: list[Turn | None] | None) -> Outcome:
    runs = [each.http[task] for each in turns if each for task in TASKS]
    return Outcome(
        name=peer.name,
        title=peer.title,
        safety=peer.safety,
        versions={package: _version(package) for package in peer.packages},
        settings=[(setting.text, setting.source) for setting in peer.settings],
        notes=list(peer.notes),
        measures={
            name: document.measure(
                name,
                _values(name, turns),
                None if peer.name == OURS else _values(name, ours or []),
                _reasons(name, turns),
            )
            for name in MEASURES
        },
        missing=sum(each.missing for each in runs),
        duplicated=sum(each.duplicated for each in runs),
        refused=sum(each.refused for each in runs),
    )


def _values(measure: str, turns: list[Turn | None]) -> list[float | None]:
    what, _, task = measure.partition(" ")

    def value(each: Turn) -> float | None:
        if what == "published":
            return each.published["noop"]
        return each.drained[task] if what == "drained" else each.http[task].rate

    return [value(each) if each else None for each in turns]


def _reasons(measure: str, turns: list[Turn | None]) -> list[str]:
    what, _, task = measure.partition(" ")
    return [reason for each in turns if each for reason in each.http[task].reasons] if what == "http" else []


def _shown(found: Turn) -> str:
    told = [f"publishes {found.published['noop']:,.0f}/s"]
    told += [f"drains {task} {rate:,.0f}/s" for task, rate in found.drained.items()]
    told += [f"HTTP {task} {f'{run.rate:,.0f}/s' if run.rate else '—'}" for task, run in found.http.items()]
    return ", ".join(told)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _write(results: Path, found: Peers) -> None:
    document.write(results, found)
    documents.write_text(results / table.FILE, table.page(found))


def _show_kept(results: Path, console: BenchConsole, code: int) -> int:
    """The rounds that were done before it ended, if any were."""
    if (results / document.FILE).exists():
        _show(document.read(results), results, console)
    return code


def _show(found: Peers, results: Path, console: BenchConsole) -> int:
    console.console.print(table.terminal(found))
    if found.rounds < found.asked:
        console.say(f"UNFINISHED: {found.rounds} of {found.asked} rounds")
    for sentence in table.ahead(found):
        console.say(sentence)
    for peer in found.peers:
        for reasons in (measure.reasons for measure in peer.measures.values() if measure.reasons):
            console.say(f"{peer.title}: {len(reasons)} runs say nothing: {reasons[0]}")
        if peer.missing:
            console.say(f"{peer.title} LOST {peer.missing:,} tasks that it had accepted")
    console.say(f"peers: {results / document.FILE}, {results / table.FILE}")
    if not found.balanced:
        return UNBALANCED
    return OK if found.valid else FAILED
