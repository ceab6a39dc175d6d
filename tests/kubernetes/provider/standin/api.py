"""The API server: any kind of object by its apiVersion and kind, applied server-side."""

import base64
import copy
import json
import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from kubernetes import config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

MANAGER = "pulumi-kubernetes"
NOT_FOUND, INVALID, FIRST_ERROR = 404, 422, 400
TIMEOUT = 30  # seconds for one request
Manifest = dict[str, Any]


class ApiError(Exception):
    """The API server refused; `status` is its HTTP code, 0 when it could not be reached. `fields` are named by it."""

    def __init__(self, status: int, message: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.status, self.fields = status, fields


class Cluster:
    """One cluster, as one user of it. `namespace` is the one for what names none."""

    def __init__(self, kubeconfig: str | None, context: str | None, namespace: str | None) -> None:
        text = _text(kubeconfig)
        document = yaml.safe_load(text) or {}
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:  # it may name files relative to the original
            file.write(yaml.safe_dump(_absolute(document, kubeconfig)))
            file.flush()
            self._api = config.new_client_from_config(file.name, context=context or None)
        self._api.configuration.retries = False
        chosen = context or document.get("current-context")
        contexts = {each["name"]: each["context"] for each in document.get("contexts") or []}
        self.namespace = namespace or contexts.get(chosen, {}).get("namespace") or "default"
        self._kinds: dict[tuple[str, str], dict[str, Any]] = {}

    def get(self, manifest: Manifest) -> Manifest | None:
        """The live object, None when there is none."""
        try:
            return self._request("GET", self._path(manifest))
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def list(self, api_version: str, kind: str, namespace: str, labels: str) -> list[Manifest]:
        manifest = {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace}}
        return self._request("GET", self._path(manifest), query={"labelSelector": labels}).get("items") or []

    def apply(self, manifest: Manifest, dry_run: bool = False) -> Manifest:
        """Server-side apply: fields that we gave before and give no more are removed."""
        query = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict"}
        return self._request(
            "PATCH", self._path(manifest), query | ({"dryRun": "All"} if dry_run else {}), _as_sent(manifest)
        )

    def delete(self, manifest: Manifest) -> None:
        """Begin to delete it, and what it owns before it."""
        self._request("DELETE", self._path(manifest), body={"propagationPolicy": "Foreground"})

    def namespaced(self, manifest: Manifest) -> bool:
        """Whether it lives in a namespace; what is not known yet does, as most definitions of others'."""
        try:
            return bool(self._kind(manifest)["namespaced"])
        except ApiError:
            return True

    def _kind(self, manifest: Manifest) -> dict[str, Any]:
        version, kind = manifest["apiVersion"], manifest["kind"]
        if (version, kind) not in self._kinds:
            for each in self._request("GET", _root(version))["resources"]:
                if "/" not in each["name"]:
                    self._kinds[version, each["kind"]] = each
        try:
            return self._kinds[version, kind]
        except KeyError:
            raise ApiError(NOT_FOUND, f'no matches for kind "{kind}" in version "{version}"') from None

    def _path(self, manifest: Manifest) -> str:
        kind, metadata = self._kind(manifest), manifest["metadata"]
        space = f"/namespaces/{quote(metadata['namespace'])}" if kind["namespaced"] else ""
        name = f"/{quote(metadata['name'])}" if "name" in metadata else ""
        return f"{_root(manifest['apiVersion'])}{space}/{kind['name']}{name}"

    def _request(self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> Manifest:
        kind = "application/apply-patch+yaml" if method == "PATCH" else "application/json"
        prepared = self._api.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Accept": "application/json", "Content-Type": kind},
            body=json.dumps(body) if method == "PATCH" else body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = self._api.call_api(*prepared, _request_timeout=TIMEOUT)
            content = answer.read()
        except (ApiException, HTTPError, OSError) as error:
            raise ApiError(0, f"{self._api.configuration.host} does not answer: {error}") from error
        if answer.status >= FIRST_ERROR:
            raise _explained(answer.status, content)
        return json.loads(content)


def object_id(manifest: Manifest) -> str:
    """As the real provider writes it."""
    space = manifest["metadata"].get("namespace")
    return f"{space}/{manifest['metadata']['name']}" if space else manifest["metadata"]["name"]


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _as_sent(manifest: Manifest) -> Manifest:
    """stringData becomes data: apply does not own what the API server makes of stringData, and could not remove it."""
    manifest = copy.deepcopy(manifest)
    if manifest["kind"] == "Secret" and "stringData" in manifest:
        texts = {key: base64.b64encode(text.encode()).decode() for key, text in manifest.pop("stringData").items()}
        manifest["data"] = manifest.get("data", {}) | texts
    return manifest


def _explained(code: int, content: bytes) -> ApiError:
    try:
        status = json.loads(content)
        causes = (status.get("details") or {}).get("causes") or []
        return ApiError(code, status["message"], tuple(c["field"] for c in causes if c.get("field")))
    except (TypeError, ValueError, KeyError):
        return ApiError(code, content.decode(errors="replace").strip() or f"HTTP {code}")


def _given(kubeconfig: str | None) -> Path:
    return Path(kubeconfig or os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or "~/.kube/config").expanduser()


def _text(kubeconfig: str | None) -> str:
    return kubeconfig if kubeconfig and "\n" in kubeconfig else _given(kubeconfig).read_text()


def _absolute(document: dict[str, Any], kubeconfig: str | None) -> dict[str, Any]:
    """The same kubeconfig, with the files it names found from anywhere."""
    if kubeconfig and "\n" in kubeconfig:
        return document
    folder, document = _given(kubeconfig).absolute().parent, copy.deepcopy(document)
    keys = {"certificate-authority", "client-certificate", "client-key", "tokenFile"}
    for section, inner in (("clusters", "cluster"), ("users", "user")):
        for entry in document.get(section) or []:
            for key in keys & (entry.get(inner) or {}).keys():
                entry[inner][key] = str(folder / entry[inner][key])
    return document
