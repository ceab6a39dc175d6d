"""The OpenAPI document, and whether the server keeps its word: schemathesis makes requests from it, odd ones too."""

from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

SEARCH = settings(
    max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


def test_the_document_names_every_operation(front: Any) -> None:
    paths = front.get("/openapi.json").json()["paths"]
    expected = {
        "/tasks/{task}": {"post", "get", "delete"},
        "/tasks/{task}/events": {"get"},
        "/batches": {"post"},
        "/runs/{run}/records": {"get"},
        "/dead": {"get", "delete"},
        "/dead/{id}": {"get"},
        "/dead/replay": {"post"},
        "/queues": {"get"},
        "/plain": {"post"},
        "/longtime_add": {"get"},
        "/healthz": {"get"},
        "/readyz": {"get"},
        "/metrics": {"get"},
    }
    assert {path: set(operations) for path, operations in paths.items()} == expected
    order = paths["/tasks/{task}"]["post"]["responses"]
    assert {"202", "404", "413", "415", "422", "503"} <= set(order)


@pytest.fixture(scope="module")
def described(front: Any) -> Any:
    """The API as its document describes it. Without those that only wait, and with no more than a short wait."""
    document = front.get("/openapi.json").json()
    for path in ("/longtime_add", "/tasks/{task}/events"):
        del document["paths"][path]
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "wait":
                    parameter["schema"]["maximum"] = 0.1
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=front.url)
    return schema


# schemathesis's own way into pytest (`parametrize`) does not know this pytest yet; its operations and strategies do.
def test_no_request_makes_it_fail_or_break_its_word(described: Any) -> None:
    answered: Counter[int] = Counter()
    for found in described.get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:

            @SEARCH
            @given(case=operation.as_strategy(generation_mode=mode))
            def keeps_its_word(case: Any) -> None:
                answer = case.call(timeout=40)
                answered[answer.status_code] += 1
                case.validate_response(answer, checks=CHECKS)

            try:
                keeps_its_word()
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE  # an operation without parameters cannot be asked wrongly
    # The search got through to the broker, and was also refused.
    assert {200, 202, 422} <= set(answered)
