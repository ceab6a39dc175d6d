"""The pods of the example "celery-rabbitmq" of Kubernetes' repository: a broker, Celery, and Flower as the front end.

As that example has it: replication controllers and Services of its names; the broker's address comes from the variables
that Kubernetes sets for the Service, and from nowhere else.
"""

from typing import Any

NAMESPACE = "celery-rabbitmq"
USER, PASSWORD = "celery", "not-a-secret-in-a-cluster-to-throw-away"
LOGIN = "flower:not-a-secret-either"
ACCOUNT = {"RABBITMQ_USERNAME": USER, "RABBITMQ_PASSWORD": PASSWORD}
URL = f"amqp://{USER}:{PASSWORD}@rabbitmq-service.{NAMESPACE}.svc:5672/%2F"


def broker(image: str) -> list[dict[str, Any]]:
    variables = {"RABBITMQ_DEFAULT_USER": USER, "RABBITMQ_DEFAULT_PASS": PASSWORD}
    container = _container("rabbitmq", image, variables, ports=[{"containerPort": 5672}])
    # Service variables would change what the broker's own scripts do.
    container["env"] += [{"name": "RABBITMQ_NODENAME", "value": "rabbit@localhost"}]
    ready = {"tcpSocket": {"port": 5672}, "periodSeconds": 1}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        _service("rabbitmq-service", "rabbitmq", 5672),
        _controller("rabbitmq-controller", "rabbitmq", [{**container, "readinessProbe": ready}], links=False),
    ]


def clients(image: str) -> list[dict[str, Any]]:
    worker = _container("worker", image, ACCOUNT, args=["worker", "fast"])
    beat = _container("beat", image, ACCOUNT, args=["beat"])
    about = {"FLOWER_HOST": "0.0.0.0", "FLOWER_LISTEN_PORT": "5555", "FLOWER_BASIC_AUTH": LOGIN}  # noqa: S104
    flower = _container("flower", image, {**ACCOUNT, **about}, args=["flower"])
    return [
        _controller("celery-controller", "celery", [worker, beat]),
        _service("flower-service", "flower", 5555),
        _controller("flower-controller", "flower", [flower]),
    ]


def _container(name: str, image: str, variables: dict[str, str], **more: Any) -> dict[str, Any]:
    env = [{"name": key, "value": value} for key, value in variables.items()]
    return {"name": name, "image": image, "env": env, **more}


def _service(name: str, component: str, port: int) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": {"component": component}}
    spec = {"selector": {"app": component}, "ports": [{"port": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _controller(name: str, app: str, containers: list[Any], links: bool = True) -> dict[str, Any]:
    pod = {"containers": containers, "enableServiceLinks": links, "terminationGracePeriodSeconds": 5}
    template = {"metadata": {"labels": {"app": app}}, "spec": pod}
    spec = {"replicas": 1, "selector": {"app": app}, "template": template}
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ReplicationController", "metadata": metadata, "spec": spec}
