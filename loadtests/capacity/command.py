"""What `warren capacity` does, from its options to an exit code."""

import random
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from app.contract import Contract, ContractError, load_contract
from loadtests import scenarios
from loadtests.analysis import manifest
from loadtests.analysis.join import BadResults
from loadtests.bench.command import check, load_of, target_of
from loadtests.bench.console import BenchConsole
from loadtests.bench.locust_run import PhaseFailed
from loadtests.bench.target import NoTarget, Target
from loadtests.capacity import document, page, show
from loadtests.capacity.document import Arm, Capacity
from loadtests.capacity.model import fit
from loadtests.capacity.plan import BadPlan, with_processes
from loadtests.capacity.saturation import Pool
from loadtests.capacity.search import SHORT, Bench, CannotTell, Lengths
from loadtests.exits import BAD_INPUT, FAILED, INTERRUPTED, OK, UNBALANCED
from loadtests.gate.slo import OPERATORS, Objective
from loadtests.generator.run_id import new_run_id
from loadtests.hosts.facts import MACHINE
from loadtests.local.errors import NoRabbitMQ, StackError

# So many draws show every task of a scenario: the rarest of `mix` is one in a thousand.
DRAWS = 5000


def run(options: dict[str, Any]) -> int:
    """Run it; the exit code."""
    options |= dict.fromkeys(("broker", "queue", "replay", "baseline"))
    check(options)
    counts: list[int | None] = list(options["workers"]) or [None]
    if options["workers"] and (options["url"] or options["target"] != "local"):
        raise click.UsageError(
            "--workers starts stacks of its own on this machine; elsewhere set the counts where you deploy from"
        )
    run_id, started = new_run_id(), time.time()
    results: Path = options["results"] / run_id
    about, arms = _About(options), list[Arm]()

    def keep(unfinished: str | None) -> tuple[Capacity, Path]:
        capacity = about.capacity(run_id, started, arms, unfinished)
        path = document.write(results, capacity)
        page.write(results, capacity)
        return capacity, path

    with BenchConsole() as console:

        def end(why: str, code: int) -> int:
            """What was measured by then cost minutes and is kept, as unfinished."""
            try:
                if arms:
                    console.say(f"kept, unfinished: {keep(why)[1]}")
            except OSError as error:
                console.say(f"Error: nothing could be kept: {error}")
            return code

        try:
            for count in counts:
                console.say(f"measuring with {count or 'the'} worker processes{'' if count else ' that are there'}")
                arms.append(about.measure(count, results, run_id, console))
                if len(arms) < len(counts):
                    keep(f"{len(arms)} of {len(counts)} worker counts were measured")
        except KeyboardInterrupt:
            kept = f" What was measured: {results}" if results.exists() else ""
            console.say(f"interrupted; stopped Locust and the stack.{kept}")
            return end("interrupted", INTERRUPTED)
        except (NoTarget, ContractError, NoRabbitMQ, CannotTell, BadPlan) as error:
            console.say(f"Error: {error}")
            return end(str(error), BAD_INPUT)
        except (PhaseFailed, StackError, BadResults, OSError) as error:
            console.say(f"Error: {error}")
            return end(str(error), FAILED)
        capacity, path = keep(None)
        for each in show.capacity(capacity):
            console.say(each) if isinstance(each, str) else console.console.print(each)
        console.say(f"capacity: {path}, drawn in {path.with_name(page.FILE)}")
    if not capacity.balanced:
        return UNBALANCED
    return FAILED if capacity.unmet or any(arm.rate is None for arm in arms) else OK


class _About:
    """What is measured, as far as the options and the target tell."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.objectives: list[Objective] = options["objectives"]
        lengths = SHORT if options["short"] else Lengths()
        self.lengths = replace(lengths, probe=options["seconds"] or lengths.probe)
        self.pool: str | None = None
        self.prefetch: int | None = None
        self.notes: list[str] = []
        self.machines: list[str] = []

    def measure(self, count: int | None, results: Path, run_id: str, console: BenchConsole) -> Arm:
        """One arm, on a stack that has so many worker processes; None: as it is."""
        options = dict(self.options)
        with ExitStack() as stack:
            if count is not None:
                options["stack"] = self._variant(count, results)
            target = stack.enter_context(target_of(options, run_id, console))
            results.mkdir(parents=True, exist_ok=True)
            facts = manifest.manifest(target.contract, target.facts)
            manifest.write(results, facts)
            self.machines = manifest.machines(facts)
            bench = Bench(
                load=load_of(options, target),
                target=target,
                results=results,
                run=run_id,
                lengths=self.lengths,
                objectives=self.objectives,
                pool=self._known(target),
                say=console.say,
                tick=console.tick,
            )
            arm = bench.arm(count)
            for note in bench.notes:
                self._note(note)
            return arm

    def capacity(self, run_id: str, started: float, arms: list[Arm], unfinished: str | None) -> Capacity:
        """The document of these arms. `unfinished`: why there are no more."""
        best = max((arm.rate for arm in arms if arm.rate is not None), default=None)
        unmet = [
            f"{each.text}: {'no rate was found' if best is None else f'{best:,.0f} tasks/s'}"
            for each in self.objectives
            if each.name == "rate" and (best is None or not OPERATORS[each.compare](best, each.limit))
        ]
        options = self.options
        return Capacity(
            run=run_id,
            started=started,
            machines=self.machines,
            what=["--task", options["task"], "--args", options["args"]]
            if options["task"]
            else ["--scenario", options["scenario"]],
            pool=self.pool,
            prefetch=self.prefetch,
            objectives=[each.text for each in self.objectives if each.name != "rate"],
            arms=arms,
            model=fit(arms) if self.pool else None,
            unfinished=unfinished,
            unmet=unmet,
            notes=self.notes,
        )

    def _pool_of(self, contract: Contract) -> str | None:
        """The pool that runs what is sent; None, and a note, when there are several."""
        tasks = {self.options["task"]} if self.options["task"] else _tasks(self.options["scenario"])
        queues = {contract.queue_of(task) for task in tasks}
        pools = [name for name, pool in contract.pools.items() if queues & set(pool.queues)]
        if len(pools) == 1:
            return pools[0]
        self._note(f"what is sent runs in {len(pools)} pools ({', '.join(pools)}), and the model is of one")
        return None

    def _known(self, target: Target) -> Pool:
        if target.contract is None:
            self._note("this front end does not tell its contract, so there is no model and no plan, only what it took")
            return Pool()
        contract = Contract.model_validate(target.contract)
        self.pool = self._pool_of(contract)
        for note in target.notes:
            self._note(note)
        pool = contract.pools[self.pool] if self.pool else None
        self.prefetch = pool.prefetch if pool else None
        hosts = target.facts.get("hosts") or {}
        cores = next((each.get("cores") for each in hosts.values()), None) or (
            manifest.host()["cores"] if target.local else None
        )
        return Pool(
            slots=pool.concurrency if pool else 1,
            prefork=bool(pool and pool.kind == "prefork"),
            web=contract.web.processes,
            cores=cores,
            machines={name: str(facts[MACHINE]) for name, facts in hosts.items()},
        )

    def _variant(self, count: int, results: Path) -> Path:
        """The stack.yml with so many processes in the pool that is measured, kept beside the results."""
        source: Path = self.options["stack"]
        pool = self._pool_of(load_contract(source))
        if pool is None:
            raise BadPlan(f"--workers counts one pool's: {'; '.join(self.notes)}. Send one task with --task")
        text = with_processes(source.read_text(encoding="utf-8"), source, pool, count)
        results.mkdir(parents=True, exist_ok=True)
        variant = results / f"stack-{count}.yml"
        variant.write_text(text, encoding="utf-8")
        return variant

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _tasks(scenario: str) -> set[str]:
    draw, rng = scenarios.load(scenario), random.Random(1)  # noqa: S311  no secret
    return {draw(rng, scenarios.Target("http://127.0.0.1")).task for _ in range(DRAWS)}
