"""What the rabbitmq role makes of a set of brokers before it touches one."""

import json

import pytest

NODES = ["rabbit@broker1", "rabbit@broker2", "rabbit@broker3"]


@pytest.fixture(scope="module")
def judge(role_code):
    return role_code("rabbitmq/filter_plugins/rabbitmq_judgement.py")


def status(*members, running=None, **more):
    """What `rabbitmqctl cluster_status` answers on the first of these."""
    cluster = {
        "disk_nodes": list(members),
        "running_nodes": list(members if running is None else running),
        "versions": {node: {"rabbitmq_version": "4.0.5"} for node in members},
        "feature_flags": [{"name": "khepri_db", "stability": "experimental", "state": "disabled"}],
        "alarms": [],
    }
    return {"rc": 0, "stdout": "warning: something\n" + json.dumps(cluster | more)}


DOWN = {"rc": 69, "stdout": ""}
MISSING = {"rc": 2, "stdout": ""}
INSTALLED = {"rc": 0, "stdout": "installed:4.0.5-6"}
DATA = {"stat": {"exists": True}}


def blank():
    empty = {"users": [{"name": "guest"}], "vhosts": [{"name": "/"}], "queues": [], "policies": []}
    return {"rc": 0, "stdout": json.dumps(empty)}


def brokers(judge, *asked):
    return [
        judge.broker(**({"status": MISSING} | answers), host=node.split("@")[1], node=node)
        for node, answers in zip(NODES, asked, strict=True)
    ]


def plan(judge, *asked):
    return judge.cluster_plan(brokers(judge, *asked))


def test_fresh_hosts_become_a_cluster(judge):
    assert plan(judge, {}, {}, {}) == {"problems": [], "wipe": [], "forget": [], "seed": ""}


def test_a_whole_cluster_needs_nothing(judge):
    found = plan(judge, *[{"status": status(*NODES)}] * 3)
    assert (found["problems"], found["wipe"], found["forget"]) == ([], [], [])


def test_a_member_that_lost_its_disk_is_forgotten_first(judge):
    alive = {"status": status(*NODES, running=NODES[:2])}
    found = plan(judge, alive, alive, {})
    assert found == {"problems": [], "wipe": [], "forget": ["rabbit@broker3"], "seed": "broker1"}


def test_a_member_that_is_merely_down_is_not_forgotten(judge):
    alive = {"status": status(*NODES, running=NODES[:2])}
    assert plan(judge, alive, alive, {"status": DOWN, "package": INSTALLED, "data": DATA})["forget"] == []


def test_a_member_is_not_forgotten_while_another_is_down(judge):
    alive = {"status": status(*NODES, running=NODES[:1])}
    found = plan(judge, alive, {"status": DOWN, "package": INSTALLED, "data": DATA}, {})
    assert found["problems"] == [
        "rabbit@broker3 lost its data while broker2 is down. Start that first: systemctl start rabbitmq-server."
    ]


def test_one_broker_grows_to_three(judge):
    found = plan(judge, {"status": status(NODES[0])}, {}, {})
    assert (found["problems"], found["wipe"], found["seed"]) == ([], [], "broker1")


def test_an_installed_broker_that_was_never_used_starts_from_nothing(judge):
    alone = {"status": status(NODES[0]), "export": blank()}
    assert plan(judge, alone, {}, {})["wipe"] == ["broker1"]


def test_two_clusters_with_data_are_refused_and_the_cure_named(judge):
    found = plan(judge, {"status": status(NODES[0])}, *[{"status": status(*NODES[1:])}] * 2)
    assert "not one cluster but 2" in found["problems"][0]
    assert "rabbitmq_wipe" in found["problems"][0]


def test_the_user_may_give_one_up(judge):
    lost = {"status": status(NODES[0]), "wipe": True}
    found = plan(judge, lost, *[{"status": status(*NODES[1:])}] * 2)
    assert (found["problems"], found["wipe"], found["seed"]) == ([], ["broker1"], "broker2")


def test_an_empty_host_must_not_start_a_second_cluster(judge):
    stopped = {"status": DOWN, "package": INSTALLED, "data": DATA}
    assert "second cluster" in plan(judge, stopped, stopped, {})["problems"][0]


def test_an_interrupted_first_installation_goes_on(judge):
    installed = {"status": DOWN, "package": INSTALLED, "data": {"stat": {"exists": False}}}
    assert plan(judge, installed, installed, {})["problems"] == []


def test_a_member_unknown_to_the_inventory_is_named(judge):
    found = plan(judge, *[{"status": status(*NODES, "rabbit@other")}] * 3)
    assert "rabbit@other" in found["problems"][0]


def test_an_unreachable_host_is_named(judge):
    found = plan(judge, {}, {}, {"status": {}, "reachable": False})
    assert found["problems"] == ["broker3 cannot be reached. Bring it back, or leave it out for now with --limit."]


def test_a_cluster_with_a_node_down_or_an_alarm_is_not_restarted(judge):
    assert judge.ailments(brokers(judge, *[{"status": status(*NODES)}] * 3)) == []
    partial = {"status": status(*NODES, running=NODES[:2])}
    down = {"status": DOWN, "package": INSTALLED, "data": DATA}
    assert any("broker3" in text for text in judge.ailments(brokers(judge, partial, partial, down)))
    full = {"status": status(*NODES, alarms=["disk"])}
    assert any("alarm" in text for text in judge.ailments(brokers(judge, full, full, full)))


def test_a_drained_node_is_seen_through_the_colours_of_the_command(judge):
    maintenance = {NODES[0]: "\x1b[35mmarked for maintenance\x1b[0m", NODES[1]: "not under maintenance"}
    asked = {"status": status(*NODES, maintenance_status=maintenance)}
    assert [each["drained"] for each in brokers(judge, asked, asked, asked)] == [True, False, False]


def test_queues_that_lack_a_member_name_the_node_they_lack(judge):
    queues = [
        {"name": "fast", "type": "quorum", "members": NODES[:2]},
        {"name": "long", "type": "rabbit_quorum_queue", "members": NODES},
        {"name": "old", "type": "classic", "members": ""},
    ]
    assert judge.lacking_members(queues, NODES, 3) == ["rabbit@broker3"]
    assert judge.lacking_members(queues[1:], NODES, 3) == []


def test_streams_get_the_copies_that_they_lack(judge):
    queues = [
        {"name": "records", "type": "stream", "members": NODES[:2]},
        {"name": "whole", "type": "stream", "members": NODES},
        {"name": "fast", "type": "quorum", "members": NODES[:1]},
    ]
    wanted = [{"stream": "records", "node": "rabbit@broker3", "vhost": "warren"}]
    assert judge.lacking_copies(queues, NODES, 3, "warren") == wanted
    assert judge.lacking_copies(queues, NODES, 1, "warren") == []
