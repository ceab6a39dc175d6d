"""RabbitMQ as it is: one whole cluster, with the users, policies and queues that it should have."""

import json
from typing import Any

import pytest


def ask(host: Any, *words: str) -> Any:
    answer = host.run(" ".join(["rabbitmqctl", "-q", *words, "--formatter", "json"]))
    if answer.rc:
        pytest.fail(
            f"the broker on {host.machine.name} does not answer: systemctl status rabbitmq-server", pytrace=False
        )
    return json.loads(answer.stdout)


def node(machine: Any) -> str:
    return f"rabbit@{machine.name.partition('.')[0]}"


@pytest.fixture
def first(everyone: dict[str, Any], deployment: Any) -> Any:
    """Some broker, for what any of them answers for all."""
    brokers = deployment.group("brokers")
    if not brokers:
        pytest.skip("the inventory has no brokers of its own")
    return everyone[brokers[0].name]


@pytest.fixture(scope="session")
def said(host: Any) -> Any:
    """What a broker says of its cluster."""
    return ask(host, "cluster_status")


@pytest.mark.on("brokers")
def test_every_broker_sees_the_whole_cluster(host: Any, said: Any, deployment: Any) -> None:
    wanted = {node(machine) for machine in deployment.group("brokers")}
    running, members = set(said["running_nodes"]), set(said["disk_nodes"])
    assert running >= wanted, (
        f"not seen by {host.machine.name}: {wanted - running}; systemctl status rabbitmq-server there"
    )
    assert members == wanted, (
        f"members that the inventory does not name: {members - wanted}; rabbitmqctl forget_cluster_node"
    )
    assert not said["partitions"], f"the cluster is split: {said['partitions']}; restart the nodes of the smaller side"
    assert len(set(map(str, said["versions"].values()))) == 1, (
        f"versions differ: {said['versions']}; upgrade_rabbitmq.yml"
    )


@pytest.mark.on("brokers")
def test_no_broker_blocks_publishers(said: Any) -> None:
    assert not said["alarms"], f"{said['alarms']}: free memory or disk there; until then nothing can be published"


@pytest.mark.on("brokers")
def test_no_broker_is_needed_by_a_queue_that_has_lost_others(host: Any, deployment: Any) -> None:
    if deployment.contract.broker.replicas == 1:
        pytest.skip("queues have one member: each broker is needed")
    answer = host.run("rabbitmq-diagnostics -q check_if_node_is_quorum_critical")
    assert answer.rc == 0, f"members of queues are missing on other brokers; bring them back first\n{answer.stdout}"


def test_users_are_those_of_the_inventory_and_no_guest(first: Any, deployment: Any) -> None:
    wanted = set(first.facts["users"])
    found = {user["user"]: user["tags"] for user in ask(first, "list_users")}
    assert "guest" not in found, "the user guest has its well-known password; rabbitmqctl delete_user guest"
    assert wanted <= set(found), f"missing: {wanted - set(found)}; run site.yml"
    administrators = {name for name, tags in found.items() if "administrator" in tags}
    assert administrators <= {"admin"}, (
        f"administrators beside admin: {administrators - {'admin'}}; rabbitmqctl set_user_tags"
    )
    strangers = set(found) - wanted
    assert not strangers, f"users that the inventory does not name: {strangers}; rabbitmqctl delete_user"


def test_policies_are_in_force(first: Any, deployment: Any) -> None:
    contract = deployment.contract
    for queue in ask(first, f"list_queues -p {contract.broker.vhost}", "name", "type", "policy"):
        if queue["name"] in contract.queues:
            assert queue["policy"], f"no policy applies to the queue {queue['name']}; run site.yml"


def test_queues_have_their_type_all_members_and_consumers(first: Any, deployment: Any) -> None:
    contract = deployment.contract
    columns = ("name", "type", "consumers", "members", "online")
    queues = {queue["name"]: queue for queue in ask(first, f"list_queues -p {contract.broker.vhost}", *columns)}
    for name in contract.queues:
        assert name in queues, (
            f"the queue {name} does not exist: no worker has started; journalctl -u 'warren-worker@*'"
        )
        queue = queues[name]
        assert (
            queue["type"].split(".")[-1].removeprefix("rabbit_").removesuffix("_queue") == contract.broker.queue_type
        ), f"{name} is of type {queue['type']}; a queue keeps its type for life: delete it when it is empty"
        if contract.broker.queue_type == "quorum":
            members, online = queue["members"], queue["online"]
            assert len(members) == contract.broker.replicas, (
                f"{name} has the members {members}; run site.yml, which grows it"
            )
            assert set(online) == set(members), f"{name}: not online: {set(members) - set(online)}; start these brokers"
        assert queue["consumers"] >= consumers(deployment, name), (
            f"{name} has {queue['consumers']} consumer(s), fewer than worker hosts; systemctl restart 'warren-worker@*'"
        )


def consumers(deployment: Any, queue: str) -> int:
    """At least one a worker host for each pool that reads the queue."""
    pools = [pool for pool in deployment.contract.pools.values() if queue in pool.queues]
    return len(pools) * len(deployment.group("workers"))


def test_nothing_waits_as_a_dead_letter(first: Any, deployment: Any) -> None:
    for queue in ask(first, f"list_queues -p {deployment.contract.broker.vhost}", "name", "messages"):
        if "dead" in queue["name"]:
            assert queue["messages"] == 0, (
                f"{queue['messages']} dead letters in {queue['name']}; look: warren dead list"
            )
