"""What both brokers that we start have: users with passwords, certificates, one Service in front of the nodes."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pulumi
from pulumi_kubernetes.core.v1 import Secret

from app.broker.definitions import ADMIN
from components import broker_files as files
from components.broker_files import AMQPS, MANAGEMENT
from components.common import ROLES, BrokerAccess, Common
from components.generated import Certificate, Password

NAME, NODES = "rabbitmq", "rabbitmq-nodes"
COMPONENT = "broker"


class OwnBroker(pulumi.ComponentResource):
    """Users with passwords, and certificates of an authority of their own."""

    access: BrokerAccess

    def __init__(self, kind: str, name: str, common: Common, opts: pulumi.ResourceOptions | None) -> None:
        super().__init__(f"warren:kubernetes:{kind}", name, None, opts)
        self.child = pulumi.ResourceOptions(parent=self)
        self.common = common
        generation = common.generation
        self.passwords = {role: Password(f"{name}-{role}", generation, self.child).value for role in (ADMIN, *ROLES)}
        self.authority = Certificate(f"{name}-ca", generation, [f"Warren's {NAME}"], opts=self.child)
        space = pulumi.Output.from_input(common.namespace)
        hosts = [NAME, NODES, f"*.{NODES}"]
        names = space.apply(
            lambda ns: [f"{NAME}.{ns}.svc", *(f"{h}{end}" for h in hosts for end in ("", f".{ns}", f".{ns}.svc"))]
        )
        self.certificate = Certificate(f"{name}-certificate", generation, names, self.authority, self.child)

    def user(self, role: str) -> str:
        """A user a role and generation: while passwords are changed, both the old and the new one may log in."""
        return role if role == ADMIN else f"{role}-{self.common.generation}"

    def definitions(self, name: str, version: tuple[int, ...]) -> Secret:
        """The Secret of definitions with every user."""
        contract = self.common.contract

        def text(passwords: Mapping[str, str]) -> str:
            logins = {role: (self.user(role), password) for role, password in passwords.items()}
            return files.definitions_text(contract, version, logins, passwords[ADMIN])

        return Secret(
            f"{name}-definitions",
            metadata=self.common.metadata(None, COMPONENT),
            string_data={"definitions.json": pulumi.Output.secret(pulumi.Output.all(**self.passwords).apply(text))},
            opts=self.child,
        )

    def tls_secret(self, name: str) -> Secret:
        return Secret(
            name,
            metadata=self.common.metadata(None, COMPONENT),
            type="kubernetes.io/tls",
            string_data={
                "ca.crt": self.authority.certificate,
                "tls.crt": self.certificate.certificate,
                "tls.key": self.certificate.key,
            },
            opts=self.child,
        )

    def access_by(
        self, pods: Mapping[str, str], ready: Sequence[pulumi.Resource], asks_api: bool = False
    ) -> BrokerAccess:
        """Addresses by role, all of the one Service in front of the nodes."""
        vhost = quote(self.common.contract.broker.vhost, safe="")

        def url(scheme: str, role: str, port: int) -> pulumi.Output[str]:
            login = pulumi.Output.concat(self.user(role), ":", self.passwords[role])
            host = pulumi.Output.concat(NAME, ".", self.common.namespace, ".svc")
            return pulumi.Output.secret(pulumi.Output.concat(f"{scheme}://", login, "@", host, f":{port}/{vhost}"))

        return BrokerAccess(
            urls={role: url("amqps", role, AMQPS) for role in ROLES},
            ca=self.authority.certificate,
            management=url("https", "monitor", MANAGEMENT),
            pods=pods,
            asks_api=asks_api,
            ready=ready,
        )


def secret_volume(secret: Secret) -> dict[str, Any]:
    return {"secret": {"secretName": secret.metadata["name"], "defaultMode": 0o440}}
