"""The broker is found in the bindings that providers really write: shapes as they publish them, every value made up."""

import base64
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from app.broker.address import resolve_broker
from app.broker.url import AddressError, BrokerAddress

AUTHORITY = trustme.CA().cert_pem.bytes().decode()

# (what the platform puts under a label, URL without the password, the password, brings an authority)
SHAPES: dict[str, tuple[dict[str, Any], str, str, bool]] = {
    # github.com/kubernetes-retired/minibroker, pkg/minibroker/rabbitmq.go: no vhost
    "Minibroker": (
        {
            "name": "mq",
            "tags": [],
            "credentials": {
                "protocol": "amqp",
                "port": 5672,
                "host": "mq.minibroker.svc.cluster.local",
                "username": "user",
                "password": "s3/cret",
                "uri": "amqp://user:s3%2Fcret@mq.minibroker.svc.cluster.local:5672",
            },
        },
        "amqp://user:***@mq.minibroker.svc.cluster.local:5672/%2F",
        "s3/cret",
        False,
    ),
    # docs.pivotal.io/rabbitmq-cf/1-8/reference.html: two nodes; each protocol once more, and not all of them are AMQP
    "Pivotal RabbitMQ, two nodes": (
        {
            "name": "mq",
            "label": "p-rabbitmq",
            "tags": ["rabbitmq", "messaging", "message-queue", "amqp", "pivotal"],
            "credentials": {
                "dashboard_url": "http://mq.example/#/login/u1/geheim",
                "username": "u1",
                "vhost": "v1",
                "password": "geheim",
                "ssl": False,
                "hostname": "10.0.0.1",
                "hostnames": ["10.0.0.1", "10.0.0.2"],
                "uri": "amqp://u1:geheim@10.0.0.1/v1",
                "uris": ["amqp://u1:geheim@10.0.0.1/v1", "amqp://u1:geheim@10.0.0.2/v1"],
                "http_api_uri": "http://u1:geheim@10.0.0.1:15672/api",
                "http_api_uris": ["http://u1:geheim@10.0.0.1:15672/api"],
                "protocols": {
                    "amqp": {
                        "password": "geheim",
                        "port": 5672,
                        "ssl": False,
                        "username": "u1",
                        "vhost": "v1",
                        "host": "10.0.0.1",
                        "hosts": ["10.0.0.1", "10.0.0.2"],
                        "uri": "amqp://u1:geheim@10.0.0.1:5672/v1",
                        "uris": ["amqp://u1:geheim@10.0.0.1:5672/v1", "amqp://u1:geheim@10.0.0.2:5672/v1"],
                    },
                    "mqtt": {"username": "v1:u1", "password": "geheim", "uri": "mqtt://v1%3Au1:geheim@10.0.0.1:1883"},
                },
            },
        },
        "amqp://u1:***@10.0.0.1:5672/v1;amqp://u1:***@10.0.0.2:5672/v1",
        "geheim",
        False,
    ),
    # docs.vmware.com/en/VMware-Tanzu-RabbitMQ-for-Tanzu-Application-Service/2.4/tanzu-rabbitmq/GUID-reference.html,
    # with TLS, and without what stands at the top: `protocols` alone is enough
    "Tanzu RabbitMQ, TLS, nested protocols only": (
        {
            "name": "mq",
            "label": "p.rabbitmq",
            "tags": ["rabbitmq"],
            "credentials": {
                "protocols": {
                    "management+ssl": {"uri": "https://u1:geheim@q-s0.bosh:15671/api/", "path": "/api/"},
                    "amqp+ssl": {
                        "ssl": True,
                        "vhost": "v1",
                        "username": "u1",
                        "password": "geheim",
                        "port": 5671,
                        "hosts": ["q-s0.bosh", "q-s1.bosh"],
                        "uris": ["amqps://u1:geheim@q-s0.bosh:5671/v1", "amqps://u1:geheim@q-s1.bosh:5671/v1"],
                    },
                },
            },
        },
        "amqps://u1:***@q-s0.bosh:5671/v1;amqps://u1:***@q-s1.bosh:5671/v1",
        "geheim",
        False,
    ),
    # docs.cloudfoundry.org/services/binding-credentials.html; `http_api_uri` as in the class ServicesData,
    # docs.spring.io/spring-credhub/docs/current/api
    "CloudAMQP": (
        {
            "name": "mq",
            "label": "cloudamqp",
            "plan": "lemur",
            "credentials": {
                "http_api_uri": "https://tenant:geheim@lemur.example/api/",
                "uri": "amqp://tenant:geheim@lemur.example/tenant",
            },
        },
        "amqp://tenant:***@lemur.example:5672/tenant",
        "geheim",
        False,
    ),
    # cloud.ibm.com/docs/messages-for-rabbitmq?topic=messages-for-rabbitmq-external-app, table "RabbitMQ/uri"
    "IBM Cloud Messages for RabbitMQ": (
        {
            "name": "mq",
            "label": "messages-for-rabbitmq",
            "credentials": {
                "connection": {
                    "cli": {"composed": ["rabbitmqadmin --ssl --host=h1.example --port=31000 --username=u1"]},
                    "amqps": {
                        "type": "uri",
                        "scheme": "amqps",
                        "path": "/",
                        "authentication": {"method": "direct", "username": "u1", "password": "geheim"},
                        "hosts": [{"hostname": "h1.example", "port": 31000}],
                        "composed": ["amqps://u1:geheim@h1.example:31000/"],
                        "certificate": {
                            "name": "name-of-it",
                            "certificate_base64": base64.b64encode(AUTHORITY.encode()).decode(),
                        },
                    },
                    "https": {"composed": ["https://u1:geheim@h1.example:31001"]},
                },
                "instance_administration_api": {"root": "https://api.example/v4/ibm", "instance_id": "crn:1"},
            },
        },
        "amqps://u1:***@h1.example:31000/%2F",
        "geheim",
        True,
    ),
    # docs.anynines.com/docs/application-developer/common/a9s-ad-common-using-services-in-apps: no vhost
    "anynines a9s Messaging": (
        {
            "name": "mq",
            "label": "a9s-messaging",
            "tags": ["rabbitmq"],
            "credentials": {
                "host": "mq.service.consul",
                "password": "geheim",
                "port": 5672,
                "uri": "amqp://u1:geheim@mq.service.consul:5672",
                "username": "u1",
            },
        },
        "amqp://u1:***@mq.service.consul:5672/%2F",
        "geheim",
        False,
    ),
    # cloud.google.com/migrate/kf/docs/2.8/how-to/rabbitmq-user-provided-service: `cups -p '{"uri": …}' -t rabbitmq`
    "user-provided": (
        {
            "name": "mq",
            "label": "user-provided",
            "tags": ["rabbitmq"],
            "credentials": {"uri": "amqp://u1:geheim@h:5672"},
        },
        "amqp://u1:***@h:5672/%2F",
        "geheim",
        False,
    ),
    # docs.cloudfoundry.org/services/binding-credentials.html, the table of fields, without the optional `uri`
    "only the documented fields, found by tag": (
        {
            "name": "mq",
            "tags": ["AMQP"],
            "credentials": {"hostname": "h", "port": "5671", "vhost": "v/1", "username": "u1", "password": "p@:/"},
        },
        "amqps://u1:***@h:5671/v%2F1",
        "p@:/",
        False,
    ),
    # app/marketplace/bindings.py; tests/integration/test_marketplace.py logs in with the real one
    "our own marketplace, on Korifi (no tags)": (
        {
            "name": "mq",
            "label": "rabbitmq",
            "tags": [],
            "credentials": {
                "uri": "amqps://b1:geheim@broker1:5671/i1",
                "uris": ["amqps://b1:geheim@broker1:5671/i1", "amqps://b1:geheim@broker2:5671/i1"],
                "hostname": "broker1",
                "hostnames": ["broker1", "broker2"],
                "port": 5671,
                "username": "b1",
                "password": "geheim",
                "vhost": "i1",
                "ssl": True,
                "cacrt": AUTHORITY,
            },
        },
        "amqps://b1:***@broker1:5671/i1;amqps://b1:***@broker2:5671/i1",
        "geheim",
        True,
    ),
}
DATABASE = {"name": "db", "tags": ["rabbitmq-free"], "credentials": {"uri": "postgres://u:p@h/amqp"}}

Ways = Callable[[dict[str, Any], Path], dict[str, str]]


def vcap(*services: dict[str, Any]) -> str:
    """Labels that say nothing, or the wrong thing."""
    return json.dumps({"rabbitmq": [DATABASE], **{f"label-{i}": [service] for i, service in enumerate(services)}})


def by_variable(service: dict[str, Any], folder: Path) -> dict[str, str]:
    return {"VCAP_SERVICES": vcap(service)}


def by_file(service: dict[str, Any], folder: Path) -> dict[str, str]:
    """Cloud Foundry's app feature `file-based-vcap-services`."""
    (folder / "vcap_services").write_text(vcap(service))
    return {"VCAP_SERVICES_FILE_PATH": str(folder / "vcap_services")}


def by_folder(service: dict[str, Any], folder: Path) -> dict[str, str]:
    """Cloud Foundry's app feature `service-binding-k8s`.

    github.com/cloudfoundry/community, toc/rfc/rfc-0030-…: a file for each credential, JSON in it for what is nested,
    and the label as `type`. (A binding that is found by its tags alone has a type that says it here.)
    """
    for each in (DATABASE, service):
        files = {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in each["credentials"].items()
        }
        files |= {"type": "rabbitmq" if "uri" not in json.dumps(each) else each.get("label", "any")}
        place = folder / "bindings" / each["name"]
        place.mkdir(parents=True)
        for name, text in files.items():
            (place / name).write_text(text)
    return {"SERVICE_BINDING_ROOT": str(folder / "bindings")}


def found(environment: dict[str, str], folder: Path) -> BrokerAddress:
    return resolve_broker(environment, folder / ".env")


@pytest.mark.parametrize("way", [by_variable, by_file, by_folder], ids=["VCAP_SERVICES", "its file", "a folder"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_providers_shape_by_every_way(shape: str, way: Ways, tmp_path: Path) -> None:
    service, url, password, has_authority = SHAPES[shape]
    address = found(way(service, tmp_path), tmp_path)
    assert (address.safe, address.password) == (url, password)
    assert bool(address.ca_file) is has_authority
    assert password not in repr(address)


def operator_secret(root: Path, **more: str) -> dict[str, str]:
    """What RabbitMQ's cluster operator keeps for a cluster, mounted as a folder.

    github.com/rabbitmq/cluster-operator, internal/resource/default_user_secret.go
    """
    folder = root / "cluster-default-user"
    folder.mkdir(parents=True)
    values = {"type": "rabbitmq", "provider": "rabbitmq", "username": "default_user_1", "password": "geheim"}
    values |= {"host": "mq.apps.svc", "port": "5672", "default_user.conf": "default_user = default_user_1\n"}
    for name, text in (values | more).items():
        (folder / name).write_text(text)
    (root / "..data").mkdir()  # Kubernetes' own folder beside the projected ones
    return {"SERVICE_BINDING_ROOT": str(root)}


@pytest.mark.parametrize(
    ("more", "url"),
    [
        ({}, "amqp://default_user_1:***@mq.apps.svc:5672/%2F"),
        ({"port": "5671"}, "amqps://default_user_1:***@mq.apps.svc:5671/%2F"),
        # docs.okd.io, "Projecting binding data": other operators add a `uri`, or Kubernetes' `ca.crt`
        ({"port": "5671", "ca.crt": AUTHORITY}, "amqps://default_user_1:***@mq.apps.svc:5671/%2F"),
        ({"uri": "amqp://u2:p@elsewhere/v"}, "amqp://u2:***@elsewhere:5672/v"),
    ],
    ids=["plain", "TLS", "TLS with its authority", "with a URI"],
)
def test_the_cluster_operators_secret(more: dict[str, str], url: str, tmp_path: Path) -> None:
    address = found(operator_secret(tmp_path / "bindings", **more), tmp_path)
    assert address.safe == url
    assert bool(address.ca_file) is ("ca.crt" in more)


def test_a_password_that_looks_like_json_is_a_password(tmp_path: Path) -> None:
    assert found(operator_secret(tmp_path / "bindings", password='["a"]'), tmp_path).password == '["a"]'


def test_the_bindings_authority_is_the_one_that_is_trusted(tmp_path: Path) -> None:
    service, *_ = SHAPES["our own marketplace, on Korifi (no tags)"]
    address = found(by_variable(service, tmp_path), tmp_path)
    context = address.ssl_context()
    assert context is not None
    assert context.get_ca_certs(binary_form=True) == [ssl.PEM_cert_to_DER_cert(AUTHORITY)]
    assert address.celery_ssl()["ca_certs"] == address.ca_file  # type: ignore[index]


def test_an_authority_named_by_hand_wins(tmp_path: Path) -> None:
    service, *_ = SHAPES["our own marketplace, on Korifi (no tags)"]
    (tmp_path / "ca.pem").write_text(AUTHORITY)
    environment = by_variable(service, tmp_path) | {"WARREN_BROKER_CA": str(tmp_path / "ca.pem")}
    assert found(environment, tmp_path).ca_file == str(tmp_path / "ca.pem")


def test_an_authority_that_is_none_is_said(tmp_path: Path) -> None:
    credentials = {"uri": "amqps://u:geheim@h/v", "cacrt": "no certificate"}
    with pytest.raises(
        AddressError, match=r"\(mq\): its cacrt is no certificate in PEM; set WARREN_BROKER_CA"
    ) as refused:
        found(by_variable({"name": "mq", "credentials": credentials}, tmp_path), tmp_path)
    assert "geheim" not in str(refused.value)


def test_another_amqp_broker_beside_rabbitmq_is_not_taken_for_it(tmp_path: Path) -> None:
    # docs.solace.com/API-Developer-Online-Ref-Documentation/vmware-tanzu/credentials.html: AMQP 1.0, URIs without login
    solace = {
        "name": "bus",
        "tags": ["solace-pubsub", "amqp"],
        "credentials": {"clientUsername": "u", "clientPassword": "p", "amqpUris": ["amqp://192.0.2.1:7057"]},
    }
    service, url, *_ = SHAPES["Minibroker"]
    assert found({"VCAP_SERVICES": vcap(solace, service)}, tmp_path).safe == url
