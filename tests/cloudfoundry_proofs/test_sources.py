"""SUSE CAP's example as written: two apps of one manifest bound to one RabbitMQ; `/` answers 5 after five seconds."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from loadtests.cloudfoundry.client.client import Client
from loadtests.cloudfoundry.client.staging import pack

from ..front_end import wait_until

BROKER = "rabbit-test"
MANIFEST = {
    "applications": [
        {
            "name": "PythonTestWeb",
            "buildpacks": ["python_buildpack"],
            "random-route": True,
            "services": [BROKER],
            "command": "python3 server.py",
        },
        {
            "name": "PythonTestWorker",
            "health-check-type": "process",
            "services": [BROKER],
            "buildpacks": ["python_buildpack"],
            "no-route": True,
            "command": "celery -A tasks worker",
        },
    ]
}
FILES = {
    "requirements.txt": "flask\ncelery\n",
    "runtime.txt": "python-3.x\n",
    "tasks.py": """\
import json, os, time
from celery import Celery

uri = json.loads(os.environ["VCAP_SERVICES"])["rabbitmq"][0]["credentials"]["uri"]
app = Celery("tasks", broker=uri, backend="rpc://")

@app.task
def longtime_add(x, y):
    time.sleep(5)
    return x + y
""",
    "server.py": """\
from flask import Flask, request
from tasks import longtime_add

app = Flask(__name__)

@app.route("/")
def index():
    x, y = (request.args.get(name, default, int) for name, default in (("x", 2), ("y", 3)))
    return str(longtime_add.delay(x, y).get())

app.run(host="0.0.0.0", port=8080)
""",
}


@pytest.fixture
def client(foundation: Any) -> Iterator[Client]:
    """With the service instance that the example begins with; what it made is gone afterwards."""
    client = foundation.client
    before, space = foundation.everything(), client.here.guid
    broker = client.services.create(space, BROKER, client.services.plan("rabbitmq", "small").guid)
    try:
        yield client
    finally:
        for app in MANIFEST["applications"]:
            if found := client.apps.find(space, app["name"]):
                for route in client.routes.of_app(found.guid):
                    client.routes.delete(route.guid)
                client.apps.delete(found.guid)
        client.services.delete(broker.guid)
        assert foundation.everything() == before


def push(client: Client, folder: Path) -> list[str]:
    """What `cf push` does with that manifest; the apps' guids."""
    space, made = client.here.guid, []
    client.spaces.apply_manifest(space, MANIFEST)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    bits = pack(folder, folder.iterdir())
    for app in MANIFEST["applications"]:
        found = client.apps.find(space, app["name"])
        assert found
        package = client.staging.upload(found.guid, bits)
        client.staging.choose(found.guid, client.staging.build(found.guid, package.guid).guid)
        client.apps.start(found.guid)
        made.append(found.guid)
    for guid in made:
        client.instances.wait(guid, steady=client.transport.patience.settled)
    return made


def test_two_apps_of_one_manifest(foundation: Any, client: Client, tmp_path: Path) -> None:
    web, worker = push(client, tmp_path)
    (route,) = client.routes.of_app(web)
    assert client.routes.of_app(worker) == []
    url = foundation.publish(route.url)
    wait_until(lambda: requests.get(f"{url}/no-page", timeout=10).text.startswith("<!doctype"), "the front end", 60)
    began = time.monotonic()
    # Once: `rpc://` answers only the thread that asked first, and this server has one for each request.
    assert requests.get(url, timeout=60).text == "5"
    assert time.monotonic() - began >= 5
