"""Requests and answers against the API's published document. What it says wrongly is put right here, and named."""

import copy
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
def _api(url: str) -> OpenAPI:
    return OpenAPI.from_dict(copy.deepcopy(document()) | {"servers": [{"url": url}]})


# YAML and zips, which the document calls texts.
NOT_JSON = ("/actions/apply_manifest", "/manifest_diff", "/upload")


def request(url: str, asked: Request) -> str:
    """What is wrong with a request; empty when nothing is."""
    if asked.path.endswith(NOT_JSON):
        return ""
    try:
        _api(url).validate_request(WerkzeugOpenAPIRequest(asked))
    except OpenAPIError as error:
        return _why(error)
    return ""


def answer(url: str, asked: Request, given: Response) -> str:
    """The same of an answer."""
    try:
        _api(url).validate_response(WerkzeugOpenAPIRequest(asked), WerkzeugOpenAPIResponse(given))
    except OpenAPIError as error:
        return _why(error)
    return ""


def _why(error: OpenAPIError) -> str:
    cause = error.__cause__
    details = [f"{'.'.join(map(str, each.path))}: {each.message}" for each in getattr(cause, "schema_errors", [])]
    return "; ".join(details)[:600] or str(cause or error)[:600]
