"""Network policies as rules of nftables."""

from collections.abc import Iterable, Iterator
from typing import Any

TABLE = "warren_policies"
Object = dict[str, Any]


def ruleset(pods: list[Object], namespaces: list[Object], policies: list[Object]) -> str:
    """Everything that is forbidden, as one text that replaces what was there."""
    pods = [pod for pod in pods if _judged(pod)]
    pods.sort(key=lambda pod: pod["status"]["podIP"])
    labels = {each["metadata"]["name"]: each["metadata"].get("labels", {}) for each in namespaces}
    chains: list[str] = []
    entries: dict[str, list[str]] = {"Ingress": [], "Egress": []}
    for number, pod in enumerate(pods):
        for direction, entry in entries.items():
            own = [each for each in policies if _selects(each, pod, direction)]
            if own:
                name = f"pod{number}_{direction.lower()}"
                lines = [line for policy in own for line in _allowed(policy, pod, direction, pods, labels)]
                chains.append(_chain(name, [*sorted(set(lines)), "drop"]))
                entry.append(f"{pod['status']['podIP']} : jump {name}")
    # A connection that was let in may be answered; what a pod sends is judged before what another receives.
    leaving, arriving = _map("saddr", entries["Egress"]), _map("daddr", entries["Ingress"])
    chains.append(_chain("forward", ["type filter hook forward priority 10;", ANSWERS, *leaving, *arriving]))
    chains.append(_chain("input", ["type filter hook input priority 10;", ANSWERS, *leaving]))
    return f"table ip {TABLE}\ndelete table ip {TABLE}\ntable ip {TABLE} {{\n{''.join(chains)}}}\n"


ANSWERS = "ct state established,related accept"


def _judged(pod: Object) -> bool:
    running = pod["status"].get("phase") in ("Pending", "Running")
    return running and bool(pod["status"].get("podIP")) and not pod["spec"].get("hostNetwork")


def _chain(name: str, lines: Iterable[str]) -> str:
    return f"  chain {name} {{\n{''.join(f'    {line}{chr(10)}' for line in lines)}  }}\n"


def _map(field: str, entries: list[str]) -> list[str]:
    return [f"ip {field} vmap {{ {', '.join(entries)} }}"] if entries else []


def _selects(policy: Object, pod: Object, direction: str) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    same = policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return same and direction in types and matches(spec.get("podSelector") or {}, pod["metadata"].get("labels", {}))


def matches(selector: Object, labels: dict[str, str]) -> bool:
    """Of Kubernetes' label selectors. An empty one matches everything."""
    for expression in selector.get("matchExpressions") or []:
        has, values = expression["key"] in labels, expression.get("values") or []
        value = labels.get(expression["key"])
        verdict = {
            "In": has and value in values,
            "NotIn": not has or value not in values,
            "Exists": has,
            "DoesNotExist": not has,
        }[expression["operator"]]
        if not verdict:
            return False
    return (selector.get("matchLabels") or {}).items() <= labels.items()


def _allowed(policy: Object, pod: Object, direction: str, pods: list[Object], labels: Object) -> Iterator[str]:
    """One line for each thing that a policy lets pass."""
    peers_key, field = ("from", "saddr") if direction == "Ingress" else ("to", "daddr")
    for rule in policy["spec"].get(direction.lower()) or []:
        peers, ports = rule.get(peers_key), rule.get("ports")
        if not peers:
            yield from (f"{port} return".strip() for port in _ports(ports, [pod] if direction == "Ingress" else pods))
            continue
        for peer in peers:
            if block := peer.get("ipBlock"):
                if ":" in block["cidr"]:  # pods have no such addresses here
                    continue
                excepted = f"ip {field} != {{ {', '.join(block['except'])} }} " if block.get("except") else ""
                for port in _ports(ports, [pod] if direction == "Ingress" else []):
                    yield f"ip {field} {block['cidr']} {excepted}{port} return"
                continue
            chosen = [each for each in pods if _is_peer(peer, each, policy["metadata"]["namespace"], labels)]
            # A port's name may stand for another number in each pod.
            for target in [pod] if direction == "Ingress" else chosen:
                places = chosen if direction == "Ingress" else [target]
                addresses = ", ".join(each["status"]["podIP"] for each in places)
                if addresses:
                    for port in _ports(ports, [target]):
                        yield f"ip {field} {{ {addresses} }} {port} return"


def _is_peer(peer: Object, pod: Object, namespace: str, labels: Object) -> bool:
    where = pod["metadata"]["namespace"]
    if "namespaceSelector" in peer:
        there = matches(peer["namespaceSelector"] or {}, labels.get(where, {}))
    else:
        there = where == namespace
    return there and matches(peer.get("podSelector") or {}, pod["metadata"].get("labels", {}))


def _ports(ports: list[Object] | None, targets: list[Object]) -> Iterator[str]:
    """An empty text for any port. Names are those of the targets' containers."""
    if not ports:
        yield ""
    for port in ports or []:
        protocol, number = port.get("protocol", "TCP").lower(), port.get("port")
        if number is None:
            yield f"meta l4proto {protocol}"
        elif isinstance(number, int):
            yield f"{protocol} dport {number}" + (f"-{port['endPort']}" if port.get("endPort") else "")
        else:
            for value in sorted({found for pod in targets for found in _named(pod, number, protocol)}):
                yield f"{protocol} dport {value}"


def _named(pod: Object, name: str, protocol: str) -> Iterator[int]:
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or []:
            if port.get("name") == name and port.get("protocol", "TCP").lower() == protocol:
                yield port["containerPort"]
