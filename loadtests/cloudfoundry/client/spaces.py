"""Organizations, spaces, and manifests, which are applied to a space."""

from collections.abc import Mapping
from typing import Any

import yaml

from loadtests.cloudfoundry.client import jobs
from loadtests.cloudfoundry.client.pages import by_name, every, must, parse
from loadtests.cloudfoundry.client.resources import Change, Organization, Space
from loadtests.cloudfoundry.client.transport import Transport

YAML = {"Content-Type": "application/x-yaml"}


class Spaces:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def organization(self, name: str) -> Organization:
        """Raises NotThere."""
        found = by_name(self._transport, "/v3/organizations", Organization, name)
        return must(found, f"organization {name!r}", "`cf orgs` lists those you may see")

    def get(self, organization: str, name: str) -> Space:
        """By the names of both. Raises NotThere."""
        owner = self.organization(organization)
        found = by_name(self._transport, "/v3/spaces", Space, name, organization_guids=owner.guid)
        return must(found, f"space {name!r} in {organization!r}", "`cf spaces` lists those you may see")

    def every(self, organization_guid: str) -> list[Space]:
        return every(self._transport, "/v3/spaces", Space, organization_guids=organization_guid)

    def apply_manifest(self, space: str, manifest: Mapping[str, Any] | str, within: float = jobs.JOB) -> None:
        """Manifests only add and change: what one no longer names stays until it is unset or deleted.

        Korifi passes over keys that it does not know, in silence. Raises JobFailed.
        """
        path = f"/v3/spaces/{space}/actions/apply_manifest"
        answer = self._transport.request("POST", path, safe=True, data=_text(manifest), headers=YAML)
        jobs.finish(self._transport, answer, within)

    def manifest_diff(self, space: str, manifest: Mapping[str, Any] | str) -> list[Change]:
        """What applying it would change."""
        path = f"/v3/spaces/{space}/manifest_diff"
        answer = self._transport.request("POST", path, safe=True, data=_text(manifest), headers=YAML)
        return [parse(Change, each) for each in self._transport.object(answer).get("diff") or []]


def _text(manifest: Mapping[str, Any] | str) -> bytes:
    text = manifest if isinstance(manifest, str) else yaml.safe_dump(dict(manifest), sort_keys=False)
    return text.encode()
