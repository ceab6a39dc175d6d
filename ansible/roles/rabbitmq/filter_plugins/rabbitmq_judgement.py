"""What the rabbitmq role has to decide, as plain functions: which upgrade is allowed, what a set of brokers is and
has to become, which quorum queues lack members."""

from __future__ import annotations

import json
import re
from typing import Any


def _numbers(version: str) -> tuple[int, ...]:
    """(4, 0, 5) of "4.0.5", "4.0.5-8" and "1:4.0.5+dfsg-1"."""
    plain = version.split(":")[-1].replace("+", "-").replace("~", "-").split("-")[0]
    return tuple(int(part) for part in plain.split(".") if part.isdigit())


def _series(version: str) -> str:
    return ".".join(str(number) for number in _numbers(version)[:2])


def upgrade_path(installed: str, target: str, follows: dict[str, list[str]]) -> list[str] | None:
    """The series to go through, the target's last; [] within a series; None when there is no way.

    `follows`: a series → the least versions, one of each older series, that may be upgraded to it.
    """
    if _series(installed) == _series(target):
        return []
    paths = [[_series(target)]]
    while paths:
        path = paths.pop(0)
        for least in follows.get(path[0], []):
            if _series(least) == _series(installed):
                # The same series, but too old a patch: one more stop.
                return path if _numbers(installed) >= _numbers(least) else [least, *path]
            paths.append([_series(least), *path])
    return None


def upgrade_problem(installed: str, target: str, follows: dict[str, list[str]]) -> str:
    """Why this upgrade cannot be done and what to do instead; "" when it can."""
    if not _numbers(target):
        return f"{target!r} is no version of RabbitMQ. Set rabbitmq_version to one like 4.0.5."
    if _numbers(target) < _numbers(installed):
        return f"RabbitMQ {installed} cannot go back to {target}: it cannot read a newer version's data."
    if _series(target) != _series(installed) and _series(target) not in follows:
        return (
            f"It is not known here which versions may be upgraded to RabbitMQ {_series(target)}. Read its release "
            "notes, then add the series to rabbitmq_upgrade_paths."
        )
    path = upgrade_path(installed, target, follows)
    if path is None:
        return f"There is no way from RabbitMQ {installed} to {target}. Set up a second cluster and move over."
    if len(path) < 2:
        return ""
    return (
        f"RabbitMQ {installed} cannot be upgraded to {target} in one step. The way is "
        f"{' → '.join([installed, *path[:-1], target])}: set rabbitmq_version to a version of {path[0]} first and run "
        "upgrade_rabbitmq.yml, which also enables the feature flags the next step needs; then the next."
    )


def broker(
    status: dict[str, Any],
    host: str,
    node: str,
    package: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
    export: dict[str, Any] | None = None,
    wipe: bool = False,
    reachable: bool = True,
) -> dict[str, Any]:
    """What the results of asking one host come to; see cluster_plan. Each is a result of an Ansible task."""
    answers = status.get("rc") == 0
    cluster = _json(status["stdout"]) if answers else {}
    versions = cluster.get("versions", {})
    flags = {flag["name"]: flag for flag in cluster.get("feature_flags", [])}
    answered = versions.get(node) or next(iter(versions.values()), {})
    found = re.match(r"installed:(.+)", (package or {}).get("stdout", ""))
    return {
        "host": host,
        "node": node,
        "reachable": reachable,
        "answers": answers,
        "has_data": answers or (data or {}).get("stat", {}).get("exists", False),
        "version": answered.get("rabbitmq_version", "") or (found.group(1) if found else ""),
        "versions": sorted({entry["rabbitmq_version"] for entry in versions.values()}),
        "members": sorted({*cluster.get("disk_nodes", []), *cluster.get("ram_nodes", [])}),
        "running": sorted(cluster.get("running_nodes", [])),
        "drained": "marked for maintenance" in cluster.get("maintenance_status", {}).get(node, ""),
        "alarms": cluster.get("alarms", []),
        "disabled_flags": sorted(
            flag["name"] for flag in flags.values() if flag["stability"] == "stable" and flag["state"] != "enabled"
        ),
        "khepri": flags.get("khepri_db", {}).get("state") == "enabled",
        "blank": (export or {}).get("rc") == 0 and _is_blank(_json((export or {})["stdout"])),
        "wipe": wipe,
    }


def _json(output: str) -> dict[str, Any]:
    """What follows the warnings that RabbitMQ's commands may print first."""
    found: dict[str, Any] = json.loads(output[output.index("{") :])
    return found


def _is_blank(definitions: dict[str, Any]) -> bool:
    names = {kind: [entry["name"] for entry in definitions.get(kind, [])] for kind in ("users", "vhosts", "queues")}
    return names == {"users": ["guest"], "vhosts": ["/"], "queues": []} and not definitions.get("policies")


def cluster_plan(brokers: list[dict[str, Any]]) -> dict[str, Any]:
    """What this set of brokers is, and what has to be done before they are one cluster.

    A broker: host, node, reachable, answers (its rabbitmqctl does), has_data, blank (alone and never used), wipe (the
    user said that its data may go), members (of the cluster it sees).

    Result: problems (sentences, each with a way out), wipe (hosts to start from nothing), forget (nodes that the
    cluster remembers but that will come back empty), seed (a host that answers for the cluster, or "").
    """
    by_node = {each["node"]: each for each in brokers}
    problems = [
        f"{each['host']} cannot be reached. Bring it back, or leave it out for now with --limit."
        for each in brokers
        if not each["reachable"]
    ]
    alive = [each for each in brokers if each["answers"]]
    crowd = len(brokers) > 1
    wipe = [b["host"] for b in brokers if b["wipe"] or (b["answers"] and b["blank"] and crowd)]
    kept = [each for each in alive if each["host"] not in wipe]
    clusters: list[set[str]] = []
    for each in kept:
        seen = set(each["members"])
        if seen not in clusters:
            clusters.append(seen)
    if len(clusters) > 1:
        listed = "; ".join(", ".join(sorted(cluster)) for cluster in clusters)
        problems.append(
            f"These brokers are not one cluster but {len(clusters)}, each with data of its own: {listed}. Say which "
            "may be thrown away, with -e '{\"rabbitmq_wipe\": [host, …]}', or give each cluster its own inventory."
        )
    members = set().union(*clusters)
    if strangers := sorted(members - set(by_node)):
        problems.append(
            f"The cluster has members that the inventory does not: {', '.join(strangers)}. Add them to the group, or "
            f"stop them and run `rabbitmqctl forget_cluster_node {strangers[0]}` on another broker."
        )
    empty = [b["node"] for b in brokers if b["reachable"] and (b["host"] in wipe or not b["has_data"])]
    down = [b["host"] for b in brokers if b["has_data"] and not b["answers"] and b["host"] not in wipe]
    if empty and down and not kept:
        problems.append(
            f"{', '.join(down)} has data but does not run, and {', '.join(empty)} is empty: it would start a second "
            "cluster. Start those with data first: systemctl start rabbitmq-server."
        )
    forget = sorted(node for node in empty if node in members)
    if forget and down:
        # Without a majority a queue cannot let a member go, and RabbitMQ would only half forget it.
        problems.append(
            f"{', '.join(forget)} lost its data while {', '.join(down)} is down. Start that first: "
            "systemctl start rabbitmq-server."
        )
    return {
        "problems": problems,
        "wipe": wipe,
        "forget": forget,
        "seed": kept[0]["host"] if kept else "",
    }


def ailments(brokers: list[dict[str, Any]]) -> list[str]:
    """Why no node of this cluster may be taken out now."""
    found = list(cluster_plan(brokers)["problems"])
    found += [
        f"RabbitMQ does not run on {each['host']}: start it, or run site.yml."
        for each in brokers
        if each["reachable"] and not each["answers"]
    ]
    for each in brokers:
        if missing := sorted({other["node"] for other in brokers} - set(each["running"])):
            found += [f"{each['host']} does not see {', '.join(missing)}."] if each["answers"] else []
        if each["alarms"]:
            found.append(f"{each['host']} reports an alarm: {each['alarms']}. Free memory or disk first.")
    return found


def flags_problem(each: dict[str, Any], target: str) -> str:
    """Why this broker's feature flags stand in the way of an upgrade to `target`; "" when they do not."""
    if _series(each["version"]) == _series(target):
        return ""
    if each["disabled_flags"]:
        return (
            f"Flags that RabbitMQ {_series(target)} needs are not enabled: {', '.join(each['disabled_flags'])}. "
            "Run `rabbitmqctl enable_feature_flag all` on one broker."
        )
    if _numbers(target) >= (4, 3) and not each["khepri"]:
        return (
            f"RabbitMQ {_series(target)} keeps its metadata in Khepri only. While on {_series(each['version'])}, run "
            "`rabbitmqctl enable_feature_flag khepri_db` on one broker."
        )
    if _series(each["version"]) == "3.13" and each["khepri"]:
        return "RabbitMQ 3.13 with khepri_db enabled cannot be upgraded. Set up a second cluster and move over."
    return ""


def lacking_members(queues: list[dict[str, Any]], nodes: list[str], replicas: int) -> list[str]:
    """The nodes that quorum queues with fewer than `replicas` members could be grown onto."""
    short = [queue for queue in queues if "quorum" in queue["type"] and len(queue["members"]) < replicas]
    return [node for node in nodes if any(node not in queue["members"] for queue in short)]


def lacking_copies(queues: list[dict[str, Any]], nodes: list[str], replicas: int, vhost: str) -> list[dict[str, str]]:
    """Where copies of streams with fewer than `replicas` of them can be added: {stream, node, vhost}."""
    found = []
    for queue in queues:
        if "stream" in queue["type"]:
            free = [node for node in nodes if node not in queue["members"]]
            wanted = max(0, replicas - len(queue["members"]))
            found += [{"stream": queue["name"], "node": node, "vhost": vhost} for node in free[:wanted]]
    return found


class FilterModule:
    """Found by Ansible."""

    def filters(self) -> dict[str, Any]:
        return {
            "rabbitmq_upgrade_problem": upgrade_problem,
            "rabbitmq_broker": broker,
            "rabbitmq_cluster_plan": cluster_plan,
            "rabbitmq_ailments": ailments,
            "rabbitmq_flags_problem": flags_problem,
            "rabbitmq_lacking_members": lacking_members,
            "rabbitmq_lacking_copies": lacking_copies,
        }
