"""What comes later: backup and restore, a broker on a new disk, the end."""

import json
from pathlib import Path
from typing import Any

from ..front_end import wait_until


def test_what_was_lost_comes_back_from_a_backup(site: Any, tmp_path: Path) -> None:
    def policies() -> Any:
        listed = site.on("broker1", f"rabbitmqctl --silent list_policies --vhost {site.vhost} --formatter json")
        return sorted(policy["name"] for policy in json.loads(listed))

    site.on("broker1", f"rabbitmqctl --silent set_policy --vhost {site.vhost} mine '^mine$' '{{\"max-length\": 9}}'")
    before = policies()
    site.play("backup.yml", "-e", f"backup={tmp_path}")
    (backup,) = tmp_path.glob("*.json")
    assert oct(backup.stat().st_mode & 0o077) == "0o0", "others can read the backup"
    try:
        for name in before:
            site.on("broker1", f"rabbitmqctl --silent clear_policy --vhost {site.vhost} {name}")
        site.play("restore.yml", "-e", f"backup={backup}")
        assert policies() == before
    finally:
        site.on("broker1", f"rabbitmqctl --silent clear_policy --vhost {site.vhost} mine", check=False)
    assert site.front().get("/longtime_add?x=2&y=3").json() == 5


def test_a_broker_with_an_empty_disk_joins_again_and_gets_its_share(site: Any) -> None:
    site.do("fresh", "broker2")
    site.play("site.yml")

    listing = f"rabbitmqctl --silent list_queues --vhost {site.vhost} --formatter json name members"

    def members() -> bool:
        each = [queue["members"] for queue in json.loads(site.on("broker1", listing)) if queue.get("members")]
        return bool(each) and all("rabbit@broker2" in nodes for nodes in each if len(nodes) > 1)

    wait_until(members, "a member of each queue on the new disk", 120)
    assert site.front().get("/longtime_add?x=2&y=3").json() == 5
    assert site.play("site.yml").total("changed") == 0


def test_removed_is_gone_once_it_is_meant(site: Any) -> None:
    play = site.play("remove.yml", check=False)
    assert play.code != 0 and "remove=lab" in play.said
    assert site.workers("worker1")
    site.play("remove.yml", "-e", "remove=lab")
    for host in ("worker1", "worker2", "web1"):
        assert site.on(host, "systemctl list-units --all --plain --no-legend 'warren*'") == ""
        assert site.on(host, "ls -d /etc/warren /opt/warren /var/lib/warren 2>/dev/null", check=False) == ""
        assert site.on(host, "getent passwd warren", check=False) == ""
    # Broker and results stay; the next site.yml is a fresh one for the rest.
    site.play("site.yml")
    site.ready()
    assert site.front().get("/longtime_add?x=2&y=3").json() == 5
