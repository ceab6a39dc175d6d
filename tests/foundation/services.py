"""What apps on the foundation can be bound to: a RabbitMQ with our marketplace broker before it, and a result store."""

import secrets
import sys
from typing import Any

from app.marketplace.settings import PREFIX
from loadtests.cloudfoundry.client import jobs, login
from loadtests.cloudfoundry.client.client import Client

from ..cluster import images
from ..cluster.addresses import NODE
from ..cluster.images import RECIPES
from . import names

NAMESPACE = "services"
ADMIN = "admin"


class Services:
    """Pods in the node's own network, where the broker before RabbitMQ and the apps find them alike."""

    def __init__(self, foundation: Any) -> None:
        self._foundation = foundation
        self._folder = foundation.folder / "services"
        self._folder.mkdir(exist_ok=True)

    def start(self) -> None:
        kubectl, state = self._foundation.kubectl, self._foundation.state
        for image in ("rabbitmq", "valkey"):
            for node in state.nodes:
                images.load(state, node, images.ensure(image, self._foundation.say))
        kubectl.apply_all([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
        kubectl.apply_all([_rabbitmq(self._secret("rabbitmq")), _valkey(self._secret("results"))])
        kubectl("-n", NAMESPACE, "wait", "--for=condition=Ready", "--timeout=90s", "pod/rabbitmq", "pod/results")
        self._marketplace()

    @property
    def results_url(self) -> str:
        return f"redis://:{self._secret('results')}@{NODE}:{names.RESULTS_PORT}/0"

    def register(self, client: Client) -> None:
        """In the marketplace, for everybody."""
        user, password = self._login.split(":")
        there = {each["name"] for each in client.transport.get("/v3/service_brokers")["resources"]}
        if names.MARKETPLACE in there:
            return
        answer = client.transport.request(
            "POST",
            "/v3/service_brokers",
            json={
                "name": names.MARKETPLACE,
                "url": f"http://127.0.0.1:{names.MARKETPLACE_PORT}",
                "authentication": {"type": "basic", "credentials": {"username": user, "password": password}},
            },
        )
        jobs.finish(client.transport, answer)
        for plan in client.transport.get("/v3/service_plans")["resources"]:
            client.transport.send("PATCH", f"/v3/service_plans/{plan['guid']}/visibility", {"type": "public"})

    def _marketplace(self) -> None:
        """The very broker that is shipped."""
        files = {
            "LOGIN_FILE": self._login,
            "KEY_FILE": self._secret("key"),
            "API_LOGIN_FILE": f"{ADMIN}:{self._secret('rabbitmq')}",
        }
        environment = {
            f"{PREFIX}PORT": str(names.MARKETPLACE_PORT),
            f"{PREFIX}API": f"http://127.0.0.1:{names.MANAGEMENT_PORT}",
            f"{PREFIX}BROKERS": f"amqp://{NODE}:{names.AMQP_PORT}",
        }
        for name, text in files.items():
            path = self._folder / name.lower()
            path.touch(mode=0o600)
            path.write_text(text)
            environment[PREFIX + name] = str(path)
        self._foundation.parts.start("marketplace", sys.executable, "-m", "app", "marketplace", environment=environment)

    @property
    def _login(self) -> str:
        return f"foundation:{self._secret('marketplace')}"

    def _secret(self, name: str) -> str:
        """Made at first use, kept in the folder of the foundation."""
        path = self._folder / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32))
        return str(path.read_text())


def client_of(foundation: Any) -> Client:
    """As the foundation's administrator."""
    return login.connect({**foundation.environment}, say=foundation.say)


def _rabbitmq(password: str) -> dict[str, Any]:
    script = "echo '[rabbitmq_management].' >/etc/rabbitmq/enabled_plugins; exec rabbitmq-server"
    variables = {
        "RABBITMQ_DEFAULT_USER": ADMIN,
        "RABBITMQ_DEFAULT_PASS": password,
        "RABBITMQ_NODENAME": "rabbit@localhost",
    }
    return _pod("rabbitmq", RECIPES["rabbitmq"].reference, ["bash", "-c", script], variables, names.MANAGEMENT_PORT)


def _valkey(password: str) -> dict[str, Any]:
    command = ["valkey-server", "--requirepass", password, "--port", str(names.RESULTS_PORT), "--save", ""]
    return _pod("results", RECIPES["valkey"].reference, command, {}, names.RESULTS_PORT)


def _pod(name: str, image: str, command: list[str], variables: dict[str, str], port: int) -> dict[str, Any]:
    container = {
        "name": name,
        "image": image,
        "command": command,
        "env": [{"name": key, "value": value} for key, value in variables.items()],
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1},
    }
    spec = {"hostNetwork": True, "enableServiceLinks": False, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}
