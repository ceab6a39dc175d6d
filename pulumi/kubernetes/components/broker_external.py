"""A broker that is there already."""

from urllib.parse import urlsplit

import pulumi

from components.broker_files import AMQPS, MANAGEMENT
from components.common import ROLES, BrokerAccess
from components.settings import BrokerSettings


class ExternalBroker(pulumi.ComponentResource):
    """Nothing is made, only its addresses are handed on."""

    access: BrokerAccess

    def __init__(self, name: str, settings: BrokerSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("warren:kubernetes:ExternalBroker", name, None, opts)
        given = {role: settings.uris.get(role) or settings.uri for role in ROLES}
        urls = {role: pulumi.Output.secret(url) for role, url in given.items() if url}
        ports = {urlsplit(url.split(";")[0]).port or _default_port(url) for url in given.values() if url}
        management = settings.management_uri
        self.access = BrokerAccess(
            urls=urls,
            binding=settings.binding_secret,
            ca=pulumi.Output.from_input(settings.ca) if settings.ca else None,
            management=pulumi.Output.secret(management) if management else None,
            port=ports.pop() if ports else AMQPS,
            management_port=(urlsplit(management).port or 443) if management else MANAGEMENT,
        )
        self.register_outputs({})


def _default_port(url: str) -> int:
    return AMQPS if url.startswith("amqps") else 5672
