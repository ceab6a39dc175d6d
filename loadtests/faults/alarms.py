"""RabbitMQ's alarms, which block every publisher, raised by the limits they depend on; as words for rabbitmqctl."""

import json

from loadtests.faults.schedule import Kind
from loadtests.local.rabbitmq import NO_DISK_HAS

STATUS = ("rabbitmqctl", "-q", "status", "--formatter", "json")


def raising(kind: Kind, status: str) -> tuple[list[str], list[str]]:
    """Commands that raise the alarm and that give the node the limit back which it has now, by its STATUS."""
    said = json.loads(status)
    if kind == "disk-alarm":
        limit = ["rabbitmqctl", "-q", "set_disk_free_limit"]
        return [*limit, str(NO_DISK_HAS)], [*limit, str(said["disk_free_limit"])]
    watermark = ["rabbitmqctl", "-q", "set_vm_memory_high_watermark"]
    ((how, value),) = said["vm_memory_high_watermark_setting"].items()
    return [*watermark, "0"], [*watermark, *([how] if how == "absolute" else []), str(value)]
