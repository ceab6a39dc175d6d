"""What a large foundation really answered, read by our client. CF_RECORDINGS names the folder with the recordings."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from loadtests.cloudfoundry.client import Client
from loadtests.cloudfoundry.client.auth import BearerToken
from loadtests.cloudfoundry.client.pages import parse
from loadtests.cloudfoundry.client.resources import (
    App,
    Binding,
    Build,
    Domain,
    Droplet,
    Job,
    Organization,
    Package,
    Process,
    Resource,
    Route,
    ServiceInstance,
    Space,
)
from tests.cloudfoundry.conftest import QUICK
from tests.cloudfoundry.replay import Recording, replaying

FOLDER = os.environ.get("CF_RECORDINGS", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="CF_RECORDINGS names no folder with recorded traffic")
PUSH, BINDING = "resource_app_bits.yaml", "resource_service_credential_binding_managed_app_binding.yaml"
KINDS: dict[str, type[Resource]] = {
    "organizations": Organization,
    "spaces": Space,
    "domains": Domain,
    "apps": App,
    "processes": Process,
    "packages": Package,
    "builds": Build,
    "droplets": Droplet,
    "routes": Route,
    "service_instances": ServiceInstance,
    "service_credential_bindings": Binding,
    "jobs": Job,
}


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Iterator[Recording]:
    file = Path(FOLDER) / request.param
    if not file.is_file():
        pytest.skip(f"{FOLDER} holds no {request.param}")
    with replaying(file) as found:
        yield found


def _query(recording: Recording, path: str, name: str) -> str:
    urls = (urlsplit(each["request"]["url"]) for each in recording.interactions)
    return next(found[name][0] for url in urls if url.path == path and name in (found := parse_qs(url.query)))


@pytest.mark.parametrize("recording", [PUSH, BINDING], indirect=True)
def test_every_recorded_answer_is_understood(recording: Recording) -> None:
    read = 0
    for call, data in recording.answers():
        *_, last, guid = ["", *call.split("/v3/")[-1].split("/")]
        kind = KINDS.get(guid) or (KINDS.get(last) if re.fullmatch(r"[0-9a-f-]{36}", guid) else None)
        for each in data.get("resources", [data]) if kind else []:
            read += bool(parse(kind, each).guid)  # type: ignore[arg-type]
    assert read >= 8


@pytest.mark.parametrize("recording", [PUSH], indirect=True)
def test_a_recorded_push_is_done_again(recording: Recording) -> None:
    organization, space_name = (_query(recording, f"/v3/{kind}", "names") for kind in ("organizations", "spaces"))
    cf = Client(recording.url, BearerToken("t"), patience=QUICK, organization=organization, space=space_name)
    space = cf.here.guid
    manifest = next(
        each["request"]["body"] for each in recording.interactions if each["request"]["url"].endswith("apply_manifest")
    )
    cf.spaces.apply_manifest(space, manifest)
    (wanted,) = yaml.safe_load(manifest)["applications"]
    app = cf.apps.find(space, wanted["name"])
    # The first look, before there was an app, found none.
    app = app or cf.apps.find(space, wanted["name"])
    assert app
    package = cf.staging.upload(app.guid, b"bits")
    droplet = cf.staging.build(app.guid, package.guid)
    assert droplet.state == "STAGED"
    cf.staging.choose(app.guid, droplet.guid)
    cf.apps.start(app.guid)
    assert cf.apps.set_feature(app.guid, "ssh", True)
    assert cf.apps.get(app.guid).state == "STARTED"
    assert cf.apps.delete(app.guid)
    assert recording.missing == []


@pytest.mark.parametrize("recording", [BINDING], indirect=True)
def test_a_recorded_binding_is_made_and_taken_away_again(recording: Recording) -> None:
    cf = Client(recording.url, BearerToken("t"), patience=QUICK)
    path = "/v3/service_credential_bindings"
    binding = cf.services.bind(_query(recording, path, "app_guids"), _query(recording, path, "service_instance_guids"))
    assert binding.last_operation and binding.last_operation.state == "succeeded"
    assert cf.services.credentials(binding.guid)
    assert cf.services.unbind(binding.guid)
    assert recording.missing == []
