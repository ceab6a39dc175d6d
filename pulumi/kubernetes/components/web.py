"""The front end: pods, a Service, and a way in from outside when one is asked for."""

from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core.v1 import Service
from pulumi_kubernetes.networking.v1 import Ingress
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from app.web.serve import STOP_WITHIN
from components import monitors, scaling
from components.common import NO_WAIT, BrokerAccess, Common, ResultsAccess, credentials
from components.generated import Password
from components.pods import LINGER, Process, app_pod, disruption_budget
from components.settings import WebSettings

NAME, PORT, OUTSIDE = "web", 8080, 80
MARGIN = 10


class Web(pulumi.ComponentResource):
    """`url` and `token` are what a client needs; `token_secret` names the Secret that holds the token."""

    url: pulumi.Output[str]
    token: pulumi.Output[str]
    token_secret: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        common: Common,
        settings: WebSettings,
        broker: BrokerAccess,
        results: ResultsAccess,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("warren:kubernetes:Web", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        selector = common.selector(NAME)
        self.token = pulumi.Output.secret(Password(f"{name}-token", common.generation, child).value)
        files = credentials(name, common, NAME, broker, results, self, token=self.token)
        self.token_secret = files.secret
        process = Process(
            component=NAME,
            arguments=["web"],
            probes=_probes(),
            resources=settings.resources,
            placement=settings.placement,
            grace=LINGER + STOP_WITHIN + MARGIN,
            environment={"WARREN_HOST": "0.0.0.0", "WARREN_PORT": str(PORT)},  # noqa: S104 - the pod's own
            ports={"http": PORT},
            lifecycle={"preStop": {"sleep": {"seconds": LINGER}}},
        )
        Deployment(
            name,
            metadata=common.metadata(NAME, NAME),
            spec={
                **scaling.replicas(settings.scaling, settings.replicas),
                "selector": {"matchLabels": selector},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                "progressDeadlineSeconds": common.ready_within,
                "template": app_pod(common, process, files),
            },
            opts=files.waiting(child),
        )
        PodDisruptionBudget(name, metadata=common.metadata(NAME, NAME), spec=disruption_budget(selector), opts=child)
        Service(
            name,
            metadata=common.metadata(NAME, NAME, annotations=NO_WAIT),
            spec={
                "type": settings.service,
                "selector": selector,
                "ports": [{"name": "http", "port": OUTSIDE, "targetPort": "http", "protocol": "TCP"}],
            },
            opts=child,
        )
        if settings.scaling.kind == "hpa":
            scaling.by_cpu(NAME, common, NAME, settings.scaling, child)
        if common.monitors:
            bearer = {"type": "Bearer", "credentials": {"name": files.secret, "key": "token"}}
            monitors.service(NAME, common, NAME, {"port": "http", "authorization": bearer}, child)
        if settings.ingress:
            self._ingress(common, settings, child)
        if settings.gateway:
            self._route(common, settings, child)
        self.url = _url(common, settings)
        self.register_outputs({"url": self.url})

    def _ingress(self, common: Common, settings: WebSettings, child: pulumi.ResourceOptions) -> None:
        wanted = settings.ingress
        assert wanted
        backend = {"service": {"name": NAME, "port": {"name": "http"}}}
        Ingress(
            NAME,
            # Many controllers never say that they are done with it.
            metadata=common.metadata(NAME, NAME, annotations={**NO_WAIT, **wanted.annotations}),
            spec={
                **({"ingressClassName": wanted.class_name} if wanted.class_name else {}),
                **({"tls": [{"hosts": [wanted.host], "secretName": wanted.tls.secret}]} if wanted.tls else {}),
                "rules": [
                    {
                        "host": wanted.host,
                        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
                    }
                ],
            },
            opts=child,
        )

    def _route(self, common: Common, settings: WebSettings, child: pulumi.ResourceOptions) -> None:
        wanted = settings.gateway
        assert wanted
        section = {"sectionName": wanted.section} if wanted.section else {}
        CustomResource(
            f"{NAME}-route",
            api_version="gateway.networking.k8s.io/v1",
            kind="HTTPRoute",
            metadata=common.metadata(NAME, NAME),
            spec={
                "parentRefs": [{"name": wanted.name, "namespace": wanted.namespace, **section}],
                "hostnames": [wanted.host],
                "rules": [{"backendRefs": [{"name": NAME, "port": OUTSIDE}]}],
            },
            opts=child,
        )


def _probes() -> dict[str, Any]:
    """Only /healthz can restart it. Ready is who has reached the broker; but a broker's outage must not take away the
    front end, which says 503 and when to come back, so that it takes an hour of it."""

    def get(path: str) -> dict[str, Any]:
        return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 5}

    return {
        "startupProbe": {**get("/healthz"), "periodSeconds": 2, "failureThreshold": 60},
        "livenessProbe": {**get("/healthz"), "periodSeconds": 10, "failureThreshold": 3},
        "readinessProbe": {**get("/readyz"), "periodSeconds": 5, "failureThreshold": 720},
    }


def _url(common: Common, settings: WebSettings) -> pulumi.Output[str]:
    if settings.ingress:
        return pulumi.Output.from_input(f"http{'s' if settings.ingress.tls else ''}://{settings.ingress.host}/")
    if settings.gateway:
        return pulumi.Output.from_input(f"https://{settings.gateway.host}/")
    return pulumi.Output.concat("http://", NAME, ".", common.namespace, ".svc/")
