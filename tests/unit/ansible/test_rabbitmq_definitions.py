"""The difference between what is in a broker and what should be."""

import copy

import pytest

EMPTY = {"vhosts": [], "users": [], "policies": [], "operator_policies": [], "parameters": []}
EMPTY |= {"global_parameters": {}, "absent": {}}
WANTED = EMPTY | {
    "vhosts": [{"name": "shop", "default_queue_type": "quorum"}],
    "users": [
        {
            "name": "web",
            "password": "pa55 wörd",
            "permissions": [{"vhost": "shop", "configure": "", "write": "^tasks$", "read": "^$"}],
        }
    ],
    "policies": [{"vhost": "shop", "name": "work", "pattern": "^a", "definition": {"delivery-limit": 5}}],
    "operator_policies": [{"vhost": "shop", "name": "cap", "pattern": ".*", "definition": {"max-length": 9}}],
    "global_parameters": {"cluster_name": "warren"},
    "absent": {"users": ["guest"]},
}


@pytest.fixture(scope="module")
def module(role_code):
    return role_code("rabbitmq/library/rabbitmq_definitions.py")


@pytest.fixture
def there(module):
    """A broker that has all of it, as it exports it."""
    return {
        "vhosts": [{"name": "shop", "limits": [], "metadata": {"default_queue_type": "quorum", "tags": []}}],
        "users": [{"name": "web", "password_hash": module.password_hash("pa55 wörd"), "tags": [], "limits": {}}],
        "permissions": [{"user": "web", "vhost": "shop", "configure": "", "write": "^tasks$", "read": "^$"}],
        "policies": [
            {"vhost": "shop", "name": "work", "pattern": "^a", "definition": {"delivery-limit": 5}}
            | {"apply-to": "all", "priority": 0}
        ],
        "parameters": [
            {"component": "operator_policy", "vhost": "shop", "name": "cap"}
            | {"value": {"pattern": ".*", "definition": {"max-length": 9}, "apply-to": "all", "priority": 0}}
        ],
        "global_parameters": [{"name": "cluster_name", "value": "warren"}],
    }


def test_an_empty_broker_lacks_everything(module):
    found = module.difference(WANTED, {})
    kinds = {"vhosts", "users", "permissions", "policies", "parameters", "global_parameters"}
    assert set(found.to_import) == kinds


def test_what_is_there_already_is_left_alone(module, there):
    assert module.difference(WANTED, there).changes == []


def test_a_changed_password_is_seen_and_never_told(module, there):
    wanted = copy.deepcopy(WANTED)
    wanted["users"][0]["password"] = "another"
    found = module.difference(wanted, there)
    assert found.changes == ["user web"]
    assert module.password_fits(found.to_import["users"][0], "another")
    assert "another" not in str(found.to_import) + str(found.commands)


def test_rights_that_are_not_named_are_taken_away(module, there):
    there["permissions"].append({"user": "web", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"})
    there["topic_permissions"] = [{"user": "web", "vhost": "shop", "exchange": "tasks", "write": ".*", "read": ".*"}]
    assert module.difference(WANTED, there).commands == [
        ["clear_permissions", "-p", "/", "web"],
        ["clear_topic_permissions", "-p", "shop", "web", "tasks"],
    ]


def test_guest_goes_and_strangers_stay(module, there):
    there["users"] += [{"name": "guest"}, {"name": "somebody"}]
    assert module.difference(WANTED, there).commands == [["delete_user", "guest"]]


def test_limits_and_policies_follow(module, there):
    wanted = copy.deepcopy(WANTED)
    wanted["vhosts"][0]["limits"] = {"max-queues": 9}
    wanted["users"][0]["limits"] = {"max-channels": 5}
    wanted["policies"][0]["definition"] = {"delivery-limit": 6}
    found = module.difference(wanted, there)
    assert found.changes == ["limits of vhost shop", "limits of user web", "policy work in shop"]
    there["vhosts"][0]["limits"] = [["max-queues", 9]]  # as RabbitMQ 3.10 exports it
    assert "limits of vhost shop" not in module.difference(wanted, there).changes
