"""The processes of an app that come of stack.yml: how each is started, sized and judged."""

from dataclasses import dataclass

from app.contract import Contract

WEB, FLOWER = "web", "flower"
# MB. A web process of granian's; beat, the consumer and Flower.
WEB_MEMORY, SMALL_MEMORY = 256, 256
# Seconds that a process may take until it answers, and that one answer may take.
START, ANSWER = 120, 5
# Seconds between SIGTERM and SIGKILL on most foundations. Only their operators can change it.
GRACE = 10


@dataclass(frozen=True)
class AppProcess:
    """`command`: a shell starts it, and may stay before it. It would end at the first SIGTERM, and the container with
    it: so it gives its place to the process by `exec`.

    `memory`: MB for each instance. `endpoint`: what an HTTP health check asks; None: only the process is looked at,
    for restarting a worker mends no broker."""

    kind: str
    command: str
    instances: int
    memory: int
    endpoint: str | None = None


def web(contract: Contract) -> AppProcess:
    return AppProcess(WEB, "exec python -m app web", 1, contract.web.processes * WEB_MEMORY, "/healthz")


def workers(contract: Contract, cores: int = 1) -> list[AppProcess]:
    """One for each pool; each instance is one worker process. `cores`: what `processes: per-core` comes to, for an
    instance has no cores of its own to count."""
    return [
        AppProcess(
            kind=f"worker-{name}",
            # The index tells instances on one host apart; each has a host name of its own here.
            command=f"exec python -m app worker {name} --index ${{CF_INSTANCE_INDEX:-0}}",
            instances=pool.process_count(cores),
            memory=pool.memory,
        )
        for name, pool in contract.pools.items()
    ]


def others(contract: Contract, flower: bool = False) -> list[AppProcess]:
    """Of each of these there is one: beat when stack.yml has periodic tasks, the plain consumer, Flower if wanted."""
    found = [AppProcess("beat", "exec python -m app beat", 1, SMALL_MEMORY)] if contract.beat else []
    found.append(AppProcess("consumer", "exec python -m app consumer", 1, SMALL_MEMORY))
    if flower:
        command = "exec env FLOWER_HOST=0.0.0.0 FLOWER_LISTEN_PORT=$PORT python -m app flower"
        found.append(AppProcess(FLOWER, command, 1, SMALL_MEMORY))
    return found


def cut_short(contract: Contract) -> dict[str, float]:
    """Pools whose tasks may outlast the time that a foundation leaves a worker to stop, and how long they may take.
    What is cut short is not lost: the broker delivers it again, as after a crash."""
    return {name: pool.longest for name, pool in contract.pools.items() if pool.longest > GRACE}
