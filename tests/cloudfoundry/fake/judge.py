"""Requests and answers against the API's published document. What it says wrongly is put right here, and named."""

import copy
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from openapi_core import OpenAPI
from openapi_core.contrib.werkzeug import WerkzeugOpenAPIRequest, WerkzeugOpenAPIResponse
from openapi_core.exceptions import OpenAPIError
from werkzeug.wrappers import Request, Response

DOCUMENT = Path(__file__).parents[1] / "openapi/cf-openapi.yaml"
HERE = "http://localhost"


@cache
def document() -> dict[str, Any]:
    """As published, but for what no foundation keeps to."""
    text = DOCUMENT.read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    # Its scopes are UAA's; whether a token will do is not for a schema to say.
    found.pop("security", None)
    # A value that was never set is null.
    found["components"]["schemas"]["Metadata"]["type"] = ["object", "null"]
    return found


@cache
def _api() -> OpenAPI:
    return OpenAPI.from_dict(copy.deepcopy(document()) | {"servers": [{"url": HERE}]})


class _Asked(WerkzeugOpenAPIRequest):
    """Wherever we listen, for the document names one server."""

    @property
    def host_url(self) -> str:
        return HERE


# YAML and zips, which the document calls texts.
NOT_JSON = ("/actions/apply_manifest", "/manifest_diff", "/upload")


def request(asked: Request) -> str:
    """What is wrong with a request; empty when nothing is."""
    if asked.path.endswith(NOT_JSON):
        return ""
    try:
        _api().validate_request(_Asked(asked))
    except OpenAPIError as error:
        return _why(error)
    return ", ".join(_unknown(_schema(asked), asked.get_json(silent=True)))


def answer(asked: Request, given: Response) -> str:
    """The same of an answer."""
    try:
        _api().validate_response(_Asked(asked), WerkzeugOpenAPIResponse(given))
    except OpenAPIError as error:
        return _why(error)
    return ""


def _why(error: OpenAPIError) -> str:
    cause = error.__cause__
    details = [f"{'.'.join(map(str, each.path))}: {each.message}" for each in getattr(cause, "schema_errors", [])]
    return "; ".join(details)[:600] or str(cause or error)[:600]


def _schema(asked: Request) -> Any:
    """Of the request's body; {} when it has none."""
    for path, calls in document()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), asked.path) and (call := calls.get(asked.method.lower())):
            body = _resolved(call.get("requestBody") or {})
            return body.get("content", {}).get("application/json", {}).get("schema", {})
    return {}


def _unknown(schema: Any, body: Any, where: str = "") -> Iterator[str]:
    """Fields that a foundation would refuse: the document lets any pass, the API none that it does not know."""
    schema = _resolved(schema)
    properties = schema.get("properties")
    if not isinstance(body, dict) or not properties or schema.get("additionalProperties"):
        return
    for key, value in body.items():
        if key not in properties:
            yield f"unknown field {where}{key}"
        else:
            yield from _unknown(properties[key], value, f"{where}{key}.")


def _resolved(part: Any) -> Any:
    while "$ref" in part:
        found: Any = document()
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part
