"""`/metrics` for Prometheus. Several processes serve one address, so each writes its numbers to files that all read."""

import os
import time
from http import HTTPMethod
from typing import Any

from flask import Response, g, request
from flask_openapi3 import OpenAPI
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

# Names the folder of those files; `serve` sets it, before prometheus_client is first imported.
FILES_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
METHODS = frozenset(HTTPMethod)
TEXT: Any = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}

REQUESTS = Counter("warren_http_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "warren_http_request_seconds",
    "How long an answer took, waiting included.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


def init(app: OpenAPI) -> None:
    """Count every request, and answer `/metrics`."""
    app.get("/metrics", responses=TEXT)(show)
    children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        # The rule, not the path, and no invented methods: each would make a new series.
        rule = request.url_rule.rule if request.url_rule else "none"
        key = (request.method if request.method in METHODS else "other", rule, response.status_code)
        if key not in children:
            children[key] = (REQUESTS.labels(key[0], rule, str(key[2])), SECONDS.labels(rule))
        requests, seconds = children[key]
        requests.inc()
        if "started" in g:
            seconds.observe(time.perf_counter() - g.started)
        return response


def show() -> Response:
    """The numbers of all of this front end's processes, in Prometheus' text format"""
    registry = REGISTRY
    if os.environ.get(FILES_VARIABLE):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
