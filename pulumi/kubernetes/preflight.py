"""Looks at the cluster before anything is changed, and says what is missing for what was asked."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.settings import ConfigError, Settings

KEDA, OPERATOR, GATEWAY = "keda.sh/v1alpha1", "rabbitmq.com/v1beta1", "gateway.networking.k8s.io/v1"
MONITORS = "monitoring.coreos.com/v1"
OLDEST = (1, 31)
TIMEOUT = 10  # seconds


@dataclass(frozen=True)
class Cluster:
    """What matters of it. `owner`: the instance that our namespace is labelled with, None when there is no label."""

    version: tuple[int, int]
    groups: frozenset[str]
    default_storage: bool = True
    storage_classes: frozenset[str] = frozenset()
    namespace_exists: bool = False
    owner: str | None = None
    namespace_goes: bool = False


def look(settings: Settings, kubernetes: Mapping[str, str]) -> Cluster:
    """Ask the API server. `kubernetes`: the keys kubeconfig and context below `kubernetes:`. Raises ConfigError."""
    from kubernetes import client
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    api = _connect(kubernetes)
    where = api.configuration.host
    try:
        version = client.VersionApi(api).get_code(_request_timeout=TIMEOUT)
        groups = client.ApisApi(api).get_api_versions(_request_timeout=TIMEOUT).groups
    except (HTTPError, OSError) as error:
        raise ConfigError(
            f"no Kubernetes answers at {where} ({_root(error)}). Is it the right one? kubectl config current-context; "
            "choose another by: pulumi config set kubernetes:context <name>"
        ) from error
    except ApiException as error:
        raise ConfigError(
            f"the cluster at {where} refuses us ({error.status} {error.reason}): is your login still valid? "
            "Try: kubectl auth whoami"
        ) from error
    found = {f"{group.name}/{each.version}" for group in groups for each in group.versions}
    try:
        classes = client.StorageV1Api(api).list_storage_class(_request_timeout=TIMEOUT).items
    except ApiException:  # who may not see them may still use them
        default, names = True, frozenset[str]()
    else:
        mark = "storageclass.kubernetes.io/is-default-class"
        default = any((each.metadata.annotations or {}).get(mark) == "true" for each in classes)
        names = frozenset(each.metadata.name for each in classes)
    exists, owner, goes = _namespace(client.CoreV1Api(api), settings.namespace, ApiException)
    minor = int("".join(c for c in version.minor if c.isdigit()))
    return Cluster((int(version.major), minor), frozenset(found), default, names, exists, owner, goes)


def judge(settings: Settings, cluster: Cluster, instance: str) -> None:
    """Raises ConfigError with everything that is missing."""
    if complaints := list(_complaints(settings, cluster, instance)):
        raise ConfigError("\n".join(complaints))


def _complaints(settings: Settings, cluster: Cluster, instance: str) -> Iterator[str]:
    if cluster.version < OLDEST:
        yield f"Kubernetes {_text(cluster.version)} is too old; this is tested from {_text(OLDEST)} on"
    if cluster.namespace_goes:
        yield f"the namespace {settings.namespace!r} is being deleted; wait until it is gone, then try again"
    elif settings.create_namespace and cluster.namespace_exists and cluster.owner != instance:
        whose = f"belongs to {cluster.owner!r}" if cluster.owner else "is there already and was not made by us"
        yield (
            f"the namespace {settings.namespace!r} {whose}; choose another (pulumi config set namespace <name>), or "
            "use it as it is: pulumi config set createNamespace false"
        )
    if not settings.create_namespace and not cluster.namespace_exists:
        yield f"there is no namespace {settings.namespace!r}; make it, or: pulumi config set createNamespace true"
    keda = [f"workers.{name}" for name, worker in settings.workers.items() if worker.scaling.kind == "keda"]
    if keda and KEDA not in cluster.groups:
        yield _lacks("KEDA", f"{', '.join(keda)} are to be scaled by it", "https://keda.sh/docs/latest/deploy/")
    if settings.broker.kind == "operator" and OPERATOR not in cluster.groups:
        url = "https://www.rabbitmq.com/kubernetes/operator/install-operator"
        yield _lacks("the RabbitMQ Cluster Operator", "broker.kind is operator", url, "or set broker.kind to builtin")
    if settings.web.gateway and GATEWAY not in cluster.groups:
        url = "https://gateway-api.sigs.k8s.io/guides/"
        yield _lacks("the Gateway API", "web.gateway is set", url, "or set web.ingress instead")
    if settings.monitors == "on" and MONITORS not in cluster.groups:
        url = "https://prometheus-operator.dev/docs/getting-started/installation/"
        yield _lacks("the Prometheus Operator", "monitors is on", url, "or set monitors to auto")
    yield from _storage(settings, cluster)


def _storage(settings: Settings, cluster: Cluster) -> Iterator[str]:
    wanted = {"results": settings.results.storage} if settings.results.kind == "builtin" else {}
    if settings.broker.kind != "external":
        wanted["broker"] = settings.broker.storage
    for name, storage in wanted.items():
        key = f"warren:{name}.storage.storageClass"
        if storage.storage_class is None and not cluster.default_storage:
            have = f"it has {', '.join(sorted(cluster.storage_classes))}" if cluster.storage_classes else "it has none"
            yield f"{key}: the cluster has no default StorageClass ({have}), so no volume would ever come; name one"
        elif storage.storage_class and cluster.storage_classes and storage.storage_class not in cluster.storage_classes:
            have = ", ".join(sorted(cluster.storage_classes))
            yield f"{key}: there is no StorageClass {storage.storage_class!r}; the cluster has {have}"


def _lacks(what: str, why: str, url: str, instead: str = "") -> str:
    return f"this cluster lacks {what}, and {why}; install it ({url}){f', {instead}' if instead else ''}"


def _namespace(core: Any, name: str, error: type[Exception]) -> tuple[bool, str | None, bool]:
    try:
        found = core.read_namespace(name, _request_timeout=TIMEOUT)
    except error as problem:
        # Who may not look is told by the API server later on.
        return getattr(problem, "status", 0) == 403, None, False
    labels = found.metadata.labels or {}
    return True, labels.get("app.kubernetes.io/instance"), found.metadata.deletion_timestamp is not None


def _connect(kubernetes: Mapping[str, str]) -> Any:
    from kubernetes import client, config
    from kubernetes.config import ConfigException

    given, context = kubernetes.get("kubeconfig"), kubernetes.get("context")
    try:
        if given and "\n" in given:  # its text, not its path
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(given)
                file.flush()
                config.load_kube_config(file.name, context=context)
        else:
            config.load_kube_config(str(Path(given).expanduser()) if given else None, context=context)
    except (ConfigException, OSError) as error:
        if not given and os.environ.get("KUBERNETES_SERVICE_HOST"):
            config.load_incluster_config()
        else:
            raise ConfigError(
                f"no cluster to deploy to: {error}. Set KUBECONFIG, or choose: pulumi config set kubernetes:context "
                "<name> (kubectl config get-contexts lists them)"
            ) from error
    api = client.ApiClient()
    api.configuration.retries = False
    return client.ApiClient(api.configuration)


def _root(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return _root(reason) if isinstance(reason, BaseException) else str(reason or error)


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
