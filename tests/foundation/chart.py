"""Korifi's own chart, rendered as it is: objects for the cluster, and settings for the two programs."""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..cluster.state import Cluster
from ..lab.programs import run
from ..tools.build import folder_of
from . import names

# The programs run beside the pods, reached by address: nothing of this has a use here, or an image.
LEFT_OUT = {
    "Deployment", "Job", "Service", "Certificate", "Issuer", "Gateway", "ReferenceGrant", "TLSRoute",
    "GlobalNetworkPolicy",
}  # fmt: skip


@dataclass
class Rendered:
    """`settings`: program ("api", "controllers") → file name → what it holds."""

    definitions: list[dict[str, Any]] = field(default_factory=list)
    objects: list[dict[str, Any]] = field(default_factory=list)
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)


def render(cluster: Cluster, api: str, tokens: str) -> Rendered:
    """`api`, `tokens`: the addresses by which clients reach the API and the token issuer."""
    host, _, port = api.partition(":")
    values: dict[str, Any] = {
        "adminUserName": names.CERTIFIED,
        "defaultAppDomainName": names.DOMAIN,
        "containerRepositoryPrefix": f"{names.REGISTRY}/korifi/",
        "api": {"apiServer": {"url": host, "port": int(port), "internalPort": names.API_PORT}},
        "kpackImageBuilder": {"include": False},
        "migration": {"include": False},
        "reconcilers": {"build": names.BUILDER},
        "networking": {"gatewayClass": "none"},
        "experimental": {
            "managedServices": {"enabled": True, "trustInsecureBrokers": True},
            "uaa": {"enabled": True, "url": f"https://{tokens}"},
            "api": {"k8sclient": {"qps": 200, "burst": 400}},
        },
    }
    file = cluster.folder / "foundation" / "values.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(values))
    helm, chart = folder_of("helm") / "bin/helm", folder_of("korifi") / "chart"
    command = [str(helm), "template", "korifi", str(chart), "--namespace", names.NAMESPACE, "--no-hooks"]
    return sort(run([*command, "--values", str(file)]), cluster.pki / "ca.crt")


def sort(text: str, authority: Path) -> Rendered:
    rendered = Rendered()
    ca = base64.b64encode(authority.read_bytes()).decode()
    for each in yaml.safe_load_all(text):
        kind = each["kind"] if each else None
        if kind == "CustomResourceDefinition":
            rendered.definitions.append(each)
        elif kind == "ConfigMap":
            program = each["metadata"]["name"].removeprefix("korifi-").removesuffix("-config")
            rendered.settings[program] = {name: yaml.safe_load(inner) for name, inner in each["data"].items()}
        elif kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
            for webhook in each["webhooks"]:
                path = webhook["clientConfig"]["service"]["path"]
                webhook["clientConfig"] = {"url": f"https://127.0.0.1:{names.WEBHOOKS_PORT}{path}", "caBundle": ca}
            rendered.webhooks.append(each)
        elif kind and kind not in LEFT_OUT:
            rendered.objects.append(each)
    # The API reads logs from itself, at a name to which it adds no port.
    for settings in rendered.settings["api"].values():
        if "internalFQDN" in settings:
            settings["internalFQDN"] = f"127.0.0.1:{names.API_PORT}"
        # The chart of 0.18 spells it otherwise than the program reads it, which then asks five times a second at most.
        if (limits := settings.get("experimental", {}).pop("k8sclient", None)) is not None:
            settings["experimental"]["k8sClient"] = limits
    return rendered
