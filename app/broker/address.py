"""Finds the broker's address. Six places, in this order; the first that has one wins.

1. the variable CELERY_BROKER_URL, or the file that CELERY_BROKER_URL_FILE names
2. CELERY_BROKER_URL in a `.env` file
3. VCAP_SERVICES (Cloud Foundry)
4. the file that VCAP_SERVICES_FILE_PATH names (Cloud Foundry, file-based bindings)
5. SERVICE_BINDING_ROOT: a folder for each binding, a file for each value (servicebinding.io)
6. the variables Kubernetes sets for a Service `rabbitmq` or `rabbitmq-service`, with RABBITMQ_USERNAME and
   RABBITMQ_PASSWORD
"""

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from app.broker.authority import authority_file
from app.broker.url import AddressError, BrokerAddress, parse_url

log = logging.getLogger(__name__)

PLACES = (
    "CELERY_BROKER_URL, CELERY_BROKER_URL_FILE, a .env file, VCAP_SERVICES, VCAP_SERVICES_FILE_PATH, "
    "SERVICE_BINDING_ROOT, and Kubernetes' RABBITMQ_SERVICE_HOST with RABBITMQ_USERNAME and RABBITMQ_PASSWORD"
)
# What marks a binding as a RabbitMQ when it has no amqp URI; never its label, which providers choose freely.
_MARKS = {"rabbitmq", "rabbit", "amqp", "amqps"}

Found = BrokerAddress | None


def resolve_broker(environ: Mapping[str, str], env_file: str | Path = ".env") -> BrokerAddress:
    """The broker's address. Raises AddressError when no place has one (naming all), or one has a broken one."""
    ca_file = environ.get("WARREN_BROKER_CA") or None
    if ca_file and not Path(ca_file).is_file():
        raise AddressError(f"WARREN_BROKER_CA: there is no file {ca_file}")

    def from_url(text: str, source: str) -> BrokerAddress:
        return parse_url(text, source, ca_file)

    for place in (_variable, _dotenv, _vcap_variable, _vcap_file, _binding_root, _kubernetes):
        address = place(environ, Path(env_file), from_url)
        if address:
            log.info("broker %s, from %s", address.safe, address.source)
            return address
    raise AddressError(
        f"no broker address found; looked in {PLACES}. Set CELERY_BROKER_URL=amqp://user:password@host/vhost"
    )


FromUrl = Callable[[str, str], BrokerAddress]


def _variable(environ: Mapping[str, str], env_file: Path, from_url: FromUrl) -> Found:
    url, source = environ.get("CELERY_BROKER_URL"), "CELERY_BROKER_URL"
    if not url and (file := environ.get("CELERY_BROKER_URL_FILE")):
        source = f"CELERY_BROKER_URL_FILE ({file})"
        url = _read(Path(file), "CELERY_BROKER_URL_FILE").strip()
        if not url:
            raise AddressError(f"{source}: the file is empty")
    return from_url(url, source) if url else None


def _dotenv(environ: Mapping[str, str], env_file: Path, from_url: FromUrl) -> Found:
    url = dotenv_values(env_file).get("CELERY_BROKER_URL") if env_file.is_file() else None
    return from_url(url, f"CELERY_BROKER_URL in {env_file}") if url else None


def _vcap_variable(environ: Mapping[str, str], env_file: Path, from_url: FromUrl) -> Found:
    text = environ.get("VCAP_SERVICES")
    return _from_vcap(text, "VCAP_SERVICES", from_url) if text else None


def _vcap_file(environ: Mapping[str, str], env_file: Path, from_url: FromUrl) -> Found:
    path = environ.get("VCAP_SERVICES_FILE_PATH")
    return (
        _from_vcap(_read(Path(path), "VCAP_SERVICES_FILE_PATH"), "VCAP_SERVICES_FILE_PATH", from_url) if path else None
    )


def _binding_root(environ: Mapping[str, str], env_file: Path, from_url: FromUrl) -> Found:
    root = environ.get("SERVICE_BINDING_ROOT")
    if not root:
        return None
    source, found = "SERVICE_BINDING_ROOT", []
    for folder in sorted(Path(root).iterdir()) if Path(root).is_dir() else []:
        if folder.is_dir():
            values = {file.name: _read(file, source).strip("\r\n") for file in folder.iterdir() if file.is_file()}
            found.append((folder.name, _unpacked(values), {values.get("type", "").lower()}))
    return _only_rabbit(found, source, from_url)


def _unpacked(values: dict[str, str]) -> dict[str, Any]:
    """With what is nested, which Cloud Foundry writes as JSON into one file, under a name that no file has.

    Not in the file's place: a password may look like JSON, too.
    """
    nested = []
    for text in values.values():
        if text.startswith(("[", "{")):
            with suppress(ValueError):
                nested.append(json.loads(text))
    return {**values, "": nested}


def _kubernetes(environ: Mapping[str, str], env_file: Path, from_url: FromUrl) -> Found:
    # A Service `rabbitmq` and a Service `rabbitmq-service` give variables of these names.
    for prefix in ("RABBITMQ_SERVICE_SERVICE", "RABBITMQ_SERVICE"):
        host = environ.get(f"{prefix}_HOST")
        if not host:
            continue
        user, password = environ.get("RABBITMQ_USERNAME"), environ.get("RABBITMQ_PASSWORD")
        if not user or not password:
            raise AddressError(
                f"{prefix}_HOST names a broker, but RABBITMQ_USERNAME and RABBITMQ_PASSWORD are not both set; "
                "RabbitMQ's default user may not log in from another host"
            )
        values = {"host": host, "port": environ.get(f"{prefix}_PORT", "5672"), "username": user, "password": password}
        return _from_values(values | {"vhost": environ.get("RABBITMQ_VHOST", "/")}, f"{prefix}_HOST", from_url)
    return None


def _from_vcap(text: str, source: str, from_url: FromUrl) -> Found:
    try:
        services = json.loads(text)
        entries = [entry for label in services.values() for entry in label]
        found = [
            (str(e.get("name", "?")), e.get("credentials") or {}, {str(tag).lower() for tag in e.get("tags") or []})
            for e in entries
        ]
    except (ValueError, AttributeError, TypeError) as error:
        raise AddressError(f"{source}: not the JSON that Cloud Foundry writes there") from error
    return _only_rabbit(found, source, from_url)


def _only_rabbit(bindings: list[tuple[str, Any, set[str]]], source: str, from_url: FromUrl) -> Found:
    """The one binding with an amqp URI, or else the one that is marked as RabbitMQ. (name, values, marks) each.

    Others speak some AMQP too. RabbitMQ's URIs hold a login.
    """
    with_uri = [(name, values) for name, values, _ in bindings if _amqp_uris(values)]
    with_login = [(name, values) for name, values in with_uri if any("@" in uri for uri in _amqp_uris(values))]
    with_uri = with_login or with_uri
    chosen = with_uri or [(name, values) for name, values, marks in bindings if marks & _MARKS]
    if len(chosen) > 1:
        names = ", ".join(name for name, _ in chosen)
        raise AddressError(f"{source}: several RabbitMQ services are bound ({names}); say which by CELERY_BROKER_URL")
    return _from_values(chosen[0][1], f"{source} ({chosen[0][0]})", from_url) if chosen else None


def _from_values(values: Mapping[str, Any], source: str, from_url: FromUrl) -> BrokerAddress:
    """An address from a binding's values: an amqp URI, or host, port, username, password and vhost in parts."""
    uris = _amqp_uris(values)
    if uris:
        return _trusting(_all_nodes(uris, source, from_url), values)
    host = values.get("host") or values.get("hostname")
    user, password = values.get("username") or values.get("user"), values.get("password")
    if not host or not user or password is None:
        raise AddressError(f"{source}: has neither an amqp URI nor host, username and password")
    tls = (
        str(values.get("ssl") or values.get("tls") or "").lower() in {"true", "1"} or str(values.get("port")) == "5671"
    )
    address = from_url(f"{'amqps' if tls else 'amqp'}://{host}:{values.get('port') or (5671 if tls else 5672)}", source)
    vhost = values.get("vhost") or values.get("virtual_host") or values.get("virtual-host") or "/"
    return _trusting(replace(address, user=str(user), password=str(password), vhost=str(vhost)), values)


def _amqp_uris(values: Any) -> list[str]:
    """Every amqp URI among a binding's values, however deep: providers nest them differently.

    The least deep ones first: what stands at the top is what the provider recommends.
    """
    found, level = [], [values]
    while level:
        found += [value for value in level if isinstance(value, str) and value.startswith(("amqp://", "amqps://"))]
        inside = [each.values() if isinstance(each, Mapping) else each for each in level if _holds_more(each)]
        level = [value for values in inside for value in values]
    return found


def _holds_more(value: Any) -> bool:
    return isinstance(value, Mapping | list)


def _all_nodes(uris: list[str], source: str, from_url: FromUrl) -> BrokerAddress:
    """The first URI's address, with the hosts of those that differ from it in nothing else: one cluster's nodes."""
    first = from_url(uris[0], source)
    hosts = list(first.hosts)
    for uri in uris[1:]:
        with suppress(AddressError):
            other = from_url(uri, source)
            if replace(other, hosts=first.hosts) == first:
                hosts += [host for host in other.hosts if host not in hosts]
    return replace(first, hosts=tuple(hosts))


def _trusting(address: BrokerAddress, values: Any) -> BrokerAddress:
    """With the authority that the binding brings, unless WARREN_BROKER_CA has named one."""
    if address.tls and not address.ca_file:
        return replace(address, ca_file=authority_file(values, address.source))
    return address


def _read(path: Path, source: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AddressError(f"{source}: {path} cannot be read ({getattr(error, 'strerror', error)})") from error
