"""What a RabbitMQ in pods reads: its configuration, its users, the scripts around it. All from stack.yml."""

import hashlib
import json
import re

from app.broker import topology
from app.broker.definitions import definitions
from app.contract import Contract

AMQPS, MANAGEMENT, METRICS = 5671, 15671, 15692
# Between the nodes: Erlang's name server, the nodes' own connections, streams' replicas, and command-line tools.
CLUSTER_PORTS: tuple[int | tuple[int, int], ...] = (4369, 25672, (6000, 6500), (35672, 35682))
PLUGINS = ("rabbitmq_management", "rabbitmq_prometheus")
CONFIG, DEFINITIONS, TLS, DATA, COOKIE = (
    "/etc/rabbitmq",
    "/etc/rabbitmq-definitions",
    "/etc/rabbitmq-tls",
    "/var/lib/rabbitmq",
    "/etc/rabbitmq-cookie",
)
PEERS = f"{DATA}/conf.d"
# Publishing is blocked above this share of the pod's memory; the rest is for what Erlang frees late.
MEMORY_SHARE = 0.5
DISK_FREE = "500MB"
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def quantity(text: str) -> int:
    """Bytes of a Kubernetes quantity such as 1Gi."""
    number, unit = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z]*)", text).groups()  # type: ignore[union-attr]
    return round(float(number) * _UNITS[unit])


def common_conf(contract: Contract, memory: str) -> str:
    """Lines of rabbitmq.conf that hold for every way to run it here."""
    members = "quorum_queue.continuous_membership_reconciliation"
    available = quantity(memory)
    lines = [
        f"load_definitions = {DEFINITIONS}/definitions.json",
        f"total_memory_available_override_value = {available}",
        f"vm_memory_high_watermark.absolute = {round(available * MEMORY_SHARE)}",
        f"disk_free_limit.absolute = {DISK_FREE}",
        "queue_leader_locator = balanced",
    ]
    if contract.broker.nodes > 1:
        lines += [
            "cluster_partition_handling = pause_minority",
            # A queue that was declared while there were fewer nodes gets the members that it lacks.
            f"{members}.enabled = true",
            f"{members}.target_group_size = {contract.broker.replicas}",
        ]
    return "".join(f"{line}\n" for line in lines) + topology.rabbitmq_conf(contract)


def builtin_conf(contract: Contract, memory: str, cluster_name: str) -> str:
    """rabbitmq.conf of our StatefulSet: TLS only. Which node to join is written by `prepare_script`."""
    files = [("cacertfile", "ca.crt"), ("certfile", "tls.crt"), ("keyfile", "tls.key")]
    lines = [
        f"cluster_name = {cluster_name}",
        "cluster_formation.peer_discovery_backend = classic_config",
        "listeners.tcp = none",
        f"listeners.ssl.default = {AMQPS}",
        *(f"ssl_options.{option} = {TLS}/{file}" for option, file in files),
        "ssl_options.verify = verify_none",
        "ssl_options.fail_if_no_peer_cert = false",
        f"management.ssl.port = {MANAGEMENT}",
        *(f"management.ssl.{option} = {TLS}/{file}" for option, file in files),
        f"prometheus.tcp.port = {METRICS}",
        "log.console = true",
        "log.file = false",
        # Each probe is a connection that says nothing.
        "log.connection.level = warning",
    ]
    return "".join(f"{line}\n" for line in lines) + common_conf(contract, memory)


def definitions_text(
    contract: Contract, version: tuple[int, ...], logins: dict[str, tuple[str, str]], seed: str
) -> str:
    """definitions.json; the same for the same passwords, so that an `up` without a change changes nothing."""
    salt = hashlib.sha256(seed.encode()).digest()[:4]
    return json.dumps(definitions(contract, version, logins, salt), indent=1)


def prepare_script(hosts: list[str]) -> str:
    """Before a node starts: its cookie, for its eyes only, a name that resolves, and whom to join if it has no data.

    The first one begins a cluster, unless another is up already; the others join it once it is up. So a cluster never
    begins twice, whichever pod is quickest. A node with data waits for nobody: after a full stop all start together.
    """
    first, *others = hosts
    return f"""set -euo pipefail
umask 077
cp -f {COOKIE}/cookie {DATA}/.erlang.cookie.new
mv -f {DATA}/.erlang.cookie.new {DATA}/.erlang.cookie
chmod 400 {DATA}/.erlang.cookie
host=${{RABBITMQ_NODENAME#*@}}
for _ in $(seq 60); do getent hosts "$host" >/dev/null && break || sleep 1; done
getent hosts "$host" >/dev/null || {{ echo "the name $host does not resolve: is the cluster's DNS well?" >&2; exit 1; }}
up() {{ timeout 3 bash -c "exec 3<>/dev/tcp/$1/{AMQPS}" 2>/dev/null; }}
peers=$host
if ! ls -d {DATA}/mnesia/*/ >/dev/null 2>&1; then
    if [ "$host" = {first} ]; then
        for other in {" ".join(others)}; do if up "$other"; then peers="$other $host"; break; fi; done
    else
        echo "a node without data waits for {first}"
        until up {first}; do sleep 1; done
        peers="{first} $host"
    fi
fi
mkdir -p {PEERS}
number=0
for peer in $peers; do
    number=$((number + 1))
    echo "cluster_formation.classic_config.nodes.$number = rabbit@$peer"
done >{PEERS}/peers.conf
"""


def leave_script(wait: int) -> str:
    """Before a node stops: not while a queue would lose its majority, and not without handing over its leaders."""
    return f"rabbitmq-upgrade await_online_quorum_plus_one -t {wait}; rabbitmq-upgrade drain"
