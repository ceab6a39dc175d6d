"""A host's network: there with the host, cut off, given back, slowed."""

import contextlib
import json

from . import ground
from .errors import LabError
from .programs import run
from .state import State


def link(name: str) -> str:
    """The lab's end of a host's cable. Linux takes 15 characters."""
    return f"v-{name}"[:15]


def _card(address: str) -> str:
    return "02:00:" + ":".join(f"{int(part):02x}" for part in address.split("."))


def _ip(state: State, *commands: str) -> None:
    run([*ground.inside(state), "ip", "-batch", "-"], text="\n".join(commands))


def connect(state: State, name: str) -> None:
    """A network namespace for a host, with a cable to the bridge."""
    disconnect(state, name)
    _ip(
        state,
        f"netns add {name}",
        # A server keeps its card: the others would go on sending to the old one for a while.
        f"link add {link(name)} type veth peer name eth0 netns {name} address {_card(state.hosts[name])}",
        f"link set {link(name)} master br0 up",
    )
    # `ip -batch` cannot change the namespace half-way.
    inside = [*ground.inside(state), "ip", "-netns", name, "-batch", "-"]
    setting = [
        "link set lo up",
        f"address add {state.hosts[name]}/24 dev eth0",
        "link set eth0 up",
        f"route add default via {ground.GATEWAY}",
    ]
    run(inside, text="\n".join(setting))


def disconnect(state: State, name: str) -> None:
    """Pull the cable and forget what was under way on it."""
    for command in (["link", "del", link(name)], ["netns", "del", name]):
        with contextlib.suppress(LabError):  # there may be none
            run([*ground.inside(state), "ip", *command])


def cut(state: State, name: str) -> None:
    """Nothing reaches the host, nothing leaves it; its processes go on."""
    _ip(state, f"link set {link(name)} down")


def heal(state: State, name: str) -> None:
    """Undo `cut` and `slow`."""
    _ip(state, f"link set {link(name)} up")
    for end in _ends(state, name, "del"):
        with contextlib.suppress(LabError):  # it may not be slow
            run(end)


def slow(state: State, name: str, delay: str | None, rate: str | None) -> None:
    """Each way: so much later, and at most so fast."""
    heal(state, name)
    for end in _ends(state, name, "replace"):
        # A delay needs the kernel's netem; for a rate alone the older and commoner tbf does.
        what = ["netem", *(["delay", delay] if delay else []), *(["rate", rate] if rate else [])]
        if not delay and rate:
            what = ["tbf", "rate", rate, "burst", "32kbit", "latency", "400ms"]
        try:
            run([*end, *what])
        except LabError as error:
            heal(state, name)
            raise LabError(
                f"{name} is not slowed: this kernel does not offer it ({what[0]}), or the value is wrong.\n{error}\n"
                "A delay needs the kernel module sch_netem; --rate alone does with sch_tbf."
            ) from error


def _ends(state: State, name: str, verb: str) -> list[list[str]]:
    """tc for both directions: the lab's end of the cable and the host's; what to do there is to be added."""
    inside = ground.inside(state)
    return [
        [*inside, "tc", "qdisc", verb, "dev", link(name), "root"],
        [*inside, "tc", "-netns", name, "qdisc", verb, "dev", "eth0", "root"],
    ]


def is_cut(state: State, name: str) -> bool:
    try:
        found = json.loads(run([*ground.inside(state), "ip", "-json", "link", "show", link(name)]))
    except LabError:
        return True
    return "UP" not in found[0]["flags"]
