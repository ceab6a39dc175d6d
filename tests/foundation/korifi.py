"""The parts of a foundation, started beside the pods of a cluster that is up."""

import base64
import json
import secrets
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import yaml

from loadtests.cloudfoundry.client.client import Client
from loadtests.cloudfoundry.client.errors import FoundationError

from ..cluster import images
from ..cluster.api import plain_session
from ..cluster.ground import inside
from ..cluster.kubectl import Kubectl
from ..cluster.parts import Parts
from ..cluster.pki import Authority, write_kubeconfig
from ..cluster.publish import forwarded
from ..cluster.state import Cluster
from ..lab.errors import LabError
from ..lab.programs import run
from ..tools.build import folder_of
from . import chart, names
from .services import Services, client_of
from .tokens import password_file

Say = Callable[[str], None]
PYTHON = "python"  # the image that staged apps stand on
GROUP = "korifi.cloudfoundry.org/v1alpha1"


class Foundation:
    """Starts it, part by part; what is up already is left alone."""

    def __init__(self, cluster: Cluster, say: Say) -> None:
        self.cluster, self.say = cluster, say
        self.folder = cluster.folder / "foundation"
        self.api, self.tokens, self.routes = (
            forwarded(cluster, f"foundation-{what}", f"127.0.0.1:{port}")
            for what, port in (
                ("api", names.API_PORT),
                ("tokens", names.TOKENS_PORT),
                ("routes", names.ROUTER_PORT),
            )
        )
        self.state = cluster.running()
        self.parts = Parts(cluster, self.state)
        self.kubectl = Kubectl(cluster)
        self.folder.mkdir(exist_ok=True)
        self.services = Services(self)

    def up(self) -> None:
        base = images.ensure(PYTHON, self.say)
        assert self.password
        self._certificates()
        self._registry()
        rendered = chart.render(self.cluster, self.api, self.tokens)
        self._apply(rendered)
        self._programs(rendered)
        self._helpers(base)
        self.services.start()
        self.parts.until("the API", self.answers)
        self.parts.until("the builder", self._builder_ready)
        self.parts.until("the marketplace", lambda: self._listens(names.MARKETPLACE_PORT))
        self._furnish()

    def _furnish(self) -> None:
        """The marketplace, and a space to begin in."""
        client = client_of(self)
        self.services.register(client)
        self._made(client, "/v3/organizations", {"name": names.ORGANIZATION})
        organization = client.spaces.organization(names.ORGANIZATION).guid
        owner = {"organization": {"data": {"guid": organization}}}

        # Our rights in a new organization come a moment after it.
        def space() -> bool:
            try:
                self._made(client, "/v3/spaces", {"name": names.SPACE, "relationships": owner})
                return bool(client.spaces.get(names.ORGANIZATION, names.SPACE))
            except FoundationError:
                return False

        self.parts.until("our rights", space)

    def _made(self, client: Client, path: str, body: dict[str, Any]) -> None:
        if not client.transport.get(path, names=body["name"])["resources"]:
            client.transport.send("POST", path, body)

    @property
    def environment(self) -> dict[str, str]:
        """Where the API is, who one is, and where to work: for our client and for `source`."""
        return {
            "CF_API": f"https://{self.api}",
            "CF_CA_FILE": str(self.cluster.pki / "ca.crt"),
            "CF_CLIENT_ID": names.ADMIN,
            "CF_CLIENT_SECRET": self.password,
            "CF_ORG": names.ORGANIZATION,
            "CF_SPACE": names.SPACE,
        }

    @property
    def password(self) -> str:
        """The administrator's, at the token issuer."""
        file = password_file(self.cluster)
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe())
        return file.read_text()

    def answers(self) -> bool:
        """Whether its API does."""
        try:
            with plain_session() as session:
                url = f"https://{self.api}/v3/info"
                return session.get(url, verify=str(self.cluster.pki / "ca.crt"), timeout=5).ok
        except requests.RequestException:
            return False

    def _certificates(self) -> None:
        """One for all who serve, where each of them looks for it."""
        authority = Authority(self.cluster.pki, "ca")
        authority.sign("foundation", "foundation", served=("127.0.0.1", "localhost"))
        authority.sign(names.CERTIFIED, names.CERTIFIED)
        for folder in (self.folder / "tls", self.folder / "tmp/k8s-webhook-server/serving-certs"):
            folder.mkdir(parents=True, exist_ok=True)
            for end in ("crt", "key"):
                shutil.copy(self.cluster.pki / f"foundation.{end}", folder / f"tls.{end}")
            shutil.copy(self.cluster.pki / "ca.crt", folder)

    def _registry(self) -> None:
        settings = {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "registry")}, "delete": {"enabled": True}},
            "http": {"addr": names.REGISTRY},
        }
        (self.folder / "registry.yml").write_text(yaml.safe_dump(settings))
        self.parts.start("registry", "docker-registry", "serve", str(self.folder / "registry.yml"))

    def _apply(self, rendered: chart.Rendered) -> None:
        routes = [yaml.safe_load(file.read_text()) for file in (folder_of("korifi") / "crds").glob("*.yaml")]
        definitions = [*rendered.definitions, *routes]
        self.kubectl.apply_all(definitions)
        namespaces = [_object("v1", "Namespace", name) for name in (names.ROOT_NAMESPACE, names.NAMESPACE)]
        no_login = base64.b64encode(json.dumps({"auths": {}}).encode()).decode()
        self.kubectl.apply_all(namespaces)
        self.kubectl.apply_all(
            [
                *rendered.objects,
                _object("v1", "ServiceAccount", names.ADMIN, names.ROOT_NAMESPACE),
                _rights(),
                {
                    **_object("v1", "Secret", names.PULL_SECRET, names.ROOT_NAMESPACE),
                    "type": "kubernetes.io/dockerconfigjson",
                    "data": {".dockerconfigjson": no_login},
                },
            ]
        )
        crds = [f"crd/{each['metadata']['name']}" for each in definitions]
        self.kubectl("wait", "--for=condition=Established", "--timeout=60s", *crds)

    def _programs(self, rendered: chart.Rendered) -> None:
        """Korifi's own two, with the rights that its chart gives them and no more."""
        accounts = {"controllers": "korifi-controllers-controller-manager", "api": "korifi-api-system-serviceaccount"}
        config = {"controllers": "CONTROLLERSCONFIG", "api": "APICONFIG"}
        tls = str(self.folder / "tls")
        for program, account in accounts.items():
            folder = self.folder / program
            folder.mkdir(exist_ok=True)
            for name, settings in rendered.settings[program].items():
                (folder / name).write_text(yaml.safe_dump(settings))
            token = self.kubectl("-n", names.NAMESPACE, "create", "token", account, "--duration=24h").strip()
            access = self.folder / f"{program}.kubeconfig"
            write_kubeconfig(self.cluster.pki / "ca.crt", account, {"token": token}, access)
            self.parts.start(
                f"korifi-{program}",
                str(folder_of("korifi") / "bin" / program),
                environment={
                    "KUBECONFIG": str(access),
                    config[program]: str(folder),
                    "TMPDIR": str(self.folder / "tmp"),
                    "CERT_PATH": tls,
                    "INTERNAL_CERT_PATH": tls,
                },
            )
        self.parts.until("Korifi's controllers", lambda: self._listens(names.WEBHOOKS_PORT))
        self.kubectl.apply_all(rendered.webhooks)
        self.kubectl.apply_all(
            [
                {**_object(GROUP, "CFDomain", "default-domain"), "spec": {"name": names.DOMAIN}},
                {**_object(GROUP, "RunnerInfo", "statefulset-runner"), "spec": {"runnerName": "statefulset-runner"}},
                _object(GROUP, "BuilderInfo", names.BUILDER),
            ]
        )

    def _helpers(self, base: Path) -> None:
        """What of a foundation cannot be had here: small stand-ins."""
        for name, words in {
            "builder": [str(base)],
            "router": [],
            "tokens": [],
        }.items():
            self.parts.start(
                f"foundation-{name}", sys.executable, "-m", f"tests.foundation.{name}", str(self.cluster.folder), *words
            )

    def _listens(self, port: int) -> bool:
        try:
            run([*inside(self.state, "net"), "bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"])
        except LabError:
            return False
        return True

    def _builder_ready(self) -> bool:
        info = self.kubectl.get("builderinfo", names.BUILDER, "-n", names.ROOT_NAMESPACE)
        return any(each["status"] == "True" for each in info.get("status", {}).get("conditions", []))


def _rights() -> dict[str, Any]:
    """What the chart gives to the user with the certificate, for the one with tokens: in each organization to come."""
    binding = _object("rbac.authorization.k8s.io/v1", "RoleBinding", "warren-admin")
    binding["metadata"]["annotations"] = {"cloudfoundry.org/propagate-cf-role": "true"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "korifi-controllers-admin"}
    subject = {"kind": "ServiceAccount", "name": names.ADMIN, "namespace": names.ROOT_NAMESPACE}
    return {**binding, "roleRef": role, "subjects": [subject]}


def _object(version: str, kind: str, name: str, namespace: str = names.ROOT_NAMESPACE) -> dict[str, Any]:
    metadata = {"name": name} if kind == "Namespace" else {"name": name, "namespace": namespace}
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
