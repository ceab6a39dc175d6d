"""Upgrades of RabbitMQ: what it does not support is refused before anything was changed."""

from typing import Any


def broker_version(site: Any) -> tuple[int, ...]:
    version = site.on("broker1", "rabbitmqctl --silent version 2>/dev/null").split()[-1]
    return tuple(int(part) for part in version.split(".")[:2])


def test_an_upgrade_that_leaves_versions_out_is_refused_with_the_way(site: Any) -> None:
    here = broker_version(site)
    wanted, way = {(3, 10): ("4.0.5", "3.11 → 3.12 → 3.13 → 4.0.5")}.get(here, ("4.3.0", "4.2 → 4.3.0"))
    play = site.play("upgrade_rabbitmq.yml", "-e", f"rabbitmq_version={wanted}", check=False)
    assert play.code != 0
    assert way in play.said and "Nothing was changed" in play.said, play.said[-3000:]
    assert play.total("changed") == 0
    assert broker_version(site) == here
