"""Where results are kept: one Valkey or Redis with a password and TLS, or one that is there already."""

from urllib.parse import quote, urlsplit

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSet
from pulumi_kubernetes.core.v1 import Secret, Service
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from app.results import EVICTION
from components.broker_files import quantity
from components.common import NO_WAIT, RESULTS_CA, Common, ResultsAccess
from components.generated import Certificate, Password
from components.pods import container_security, disruption_budget, pod_spec, resources
from components.settings import ResultsSettings

NAME, PORT = "results", 6379
CONFIG, DATA = "/etc/results", "/data"
GRACE = 30
# Of the pod's memory; results that would expire next go first above that, long before the kernel would kill it.
MEMORY_SHARE = 0.7
# The command-line tool and the server are called by either project's name.
START = f"exec $(command -v valkey-server || command -v redis-server) {CONFIG}/results.conf"
ASK = (
    f"exec timeout 8 $(command -v valkey-cli || command -v redis-cli) -p {PORT} --tls --cacert {CONFIG}/ca.crt "
    "-h localhost ping"
)


class Results(pulumi.ComponentResource):
    """One pod with a volume. Losing it loses results, never tasks."""

    access: ResultsAccess

    def __init__(
        self, name: str, common: Common, settings: ResultsSettings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("warren:kubernetes:Results", name, None, opts)
        if settings.kind == "external":
            assert settings.url
            port = urlsplit(settings.url.removeprefix("db+")).port
            self.access = ResultsAccess(pulumi.Output.secret(settings.url), port=port or PORT)
            self.register_outputs({})
            return
        child = pulumi.ResourceOptions(parent=self)
        selector = common.selector(NAME)
        password = Password(f"{name}-password", common.generation, child).value
        authority = Certificate(f"{name}-ca", common.generation, [f"Warren's {NAME}"], opts=child)
        host = pulumi.Output.concat(NAME, ".", common.namespace, ".svc")
        names = host.apply(lambda full: [full, NAME, "localhost"])
        certificate = Certificate(f"{name}-certificate", common.generation, names, authority, child)
        config = Secret(
            f"{name}-config",
            metadata=common.metadata(None, NAME),
            string_data={
                "results.conf": password.apply(lambda known: _configuration(known, settings.resources.memory)),
                "ca.crt": authority.certificate,
                "tls.crt": certificate.certificate,
                "tls.key": certificate.key,
            },
            opts=child,
        )
        storage = settings.storage
        claim = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": storage.size}},
            **({"storageClassName": storage.storage_class} if storage.storage_class else {}),
        }
        # Whether it can answer, not whether it lets us in: a tool with the password would show it to the whole node.
        probe = {"tcpSocket": {"port": "redis"}}
        container = {
            "name": NAME,
            "image": settings.image,
            "imagePullPolicy": common.image_pull_policy,
            "command": ["sh", "-c", START],
            "ports": [{"name": "redis", "containerPort": PORT, "protocol": "TCP"}],
            "resources": resources(settings.resources),
            "securityContext": container_security(),
            "startupProbe": {**probe, "periodSeconds": 2, "failureThreshold": 60},
            "readinessProbe": {**probe, "periodSeconds": 5, "failureThreshold": 3},
            "livenessProbe": {
                "exec": {"command": ["sh", "-c", ASK]},
                "periodSeconds": 30,
                "timeoutSeconds": 10,
                "failureThreshold": 4,
            },
            "volumeMounts": [
                {"name": "data", "mountPath": DATA},
                {"name": "config", "mountPath": CONFIG, "readOnly": True},
            ],
        }
        Service(
            name,
            metadata=common.metadata(NAME, NAME, annotations=NO_WAIT),
            spec={
                "selector": selector,
                "ports": [{"name": "redis", "port": PORT, "targetPort": "redis", "protocol": "TCP"}],
            },
            opts=child,
        )
        PodDisruptionBudget(name, metadata=common.metadata(NAME, NAME), spec=disruption_budget(selector), opts=child)
        store = StatefulSet(
            name,
            metadata=common.metadata(NAME, NAME),
            spec={
                "serviceName": NAME,
                "replicas": 1,
                "selector": {"matchLabels": selector},
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
                "template": {
                    "metadata": {"labels": common.labels(NAME)},
                    "spec": {
                        **pod_spec(common, settings.placement, settings.user_id, selector),
                        "terminationGracePeriodSeconds": GRACE,
                        "containers": [container],
                        "volumes": [
                            {
                                "name": "config",
                                "secret": {"secretName": config.metadata["name"], "defaultMode": 0o440},
                            }
                        ],
                    },
                },
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
            },
            opts=child,
        )
        query = f"ssl_cert_reqs=required&ssl_ca_certs={quote(RESULTS_CA, safe='')}"
        url = pulumi.Output.concat("rediss://:", password, "@", host, f":{PORT}/0?{query}")
        self.access = ResultsAccess(pulumi.Output.secret(url), authority.certificate, selector, [store], PORT)
        self.register_outputs({})


def _configuration(password: str, memory: str) -> str:
    """Written to disk each second: what a power cut takes are the results of that second."""
    lines = [
        f"port 0\ntls-port {PORT}",
        f"tls-cert-file {CONFIG}/tls.crt\ntls-key-file {CONFIG}/tls.key\ntls-ca-cert-file {CONFIG}/ca.crt",
        "tls-auth-clients no",
        f"requirepass {password}",
        f"dir {DATA}\nappendonly yes\nappendfsync everysec",
        f"maxmemory {round(quantity(memory) * MEMORY_SHARE)}\nmaxmemory-policy {EVICTION}",
        "bind * -::*\nprotected-mode yes\ndaemonize no",
    ]
    return "\n".join(lines) + "\n"
