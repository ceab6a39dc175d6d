"""Service instances as vhosts. What was asked for stands in the vhost's description: nothing else has to be kept."""

import json
from dataclasses import asdict, dataclass

from app.marketplace.management import Management
from app.marketplace.plans import Plan

# Only vhosts and users with this tag are ever changed or deleted. One fixed word: RabbitMQ never frees a tag's name.
MARK = "warren-marketplace"


@dataclass(frozen=True)
class Order:
    """What a platform asked for. A repeated request must ask for the same."""

    service: str
    plan: str
    organization: str
    space: str


class NameTaken(Exception):
    """There is a vhost or user of that name which the marketplace did not make."""


class Instances:
    """The vhosts of the marketplace."""

    def __init__(self, management: Management) -> None:
        self._management = management

    def find(self, instance: str) -> Order | None:
        """None when there is no such vhost, or it is not ours."""
        vhost = self._management.get("vhosts", instance)
        return _order(vhost) if vhost else None

    def make(self, instance: str, order: Order, plan: Plan) -> None:
        """Make the vhost, or bring one that is there to this order and plan. Raises NameTaken."""
        there = self._management.get("vhosts", instance)
        if there and _order(there) is None:
            raise NameTaken(f"RabbitMQ has a vhost {instance} that this marketplace did not make")
        # RabbitMQ 3.10 knows the queue type by the second name only, and 3.11 and newer by the first.
        queue_type = {"default_queue_type": plan.queue_type, "defaultqueuetype": plan.queue_type}
        self._management.put("vhosts", instance, description=json.dumps(asdict(order)), tags=MARK, **queue_type)
        for limit, value in plan.limits.items():
            self._management.put("vhost-limits", instance, limit, value=value)

    def is_ready(self, instance: str) -> bool:
        """Whether every running node has started the vhost."""
        vhost = self._management.get("vhosts", instance) or {}
        states = vhost.get("cluster_state", {}).values()
        return bool(states) and all(state == "running" for state in states)

    def delete(self, instance: str) -> bool:
        """The vhost with all its queues, and first the users of it that are ours. False when there is none of ours."""
        if self.find(instance) is None:
            return False
        for permission in self._management.get("vhosts", instance, "permissions") or []:
            user = self._management.get("users", permission["user"])
            if user and MARK in user["tags"]:
                self._management.delete("users", user["name"])
        return self._management.delete("vhosts", instance)


def _order(vhost: dict) -> Order | None:
    if MARK not in vhost.get("tags", []):
        return None
    try:
        return Order(**json.loads(vhost["description"]))
    except (ValueError, TypeError):
        return None  # marked by hand; nothing we could answer for
