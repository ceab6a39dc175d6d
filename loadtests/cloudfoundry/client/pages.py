"""Lists that come in pages, and finding the one that has a name."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from loadtests.cloudfoundry.client.errors import FoundationError, Unreachable
from loadtests.cloudfoundry.client.resources import Named
from loadtests.cloudfoundry.client.transport import Transport

PER_PAGE = 100
MOST_PAGES = 500

Kind = TypeVar("Kind", bound=BaseModel)
NamedKind = TypeVar("NamedKind", bound=Named)


class NotThere(FoundationError):
    """What was named does not exist, or may not be seen."""


def parse(kind: type[Kind], data: Any) -> Kind:
    """Raises Unreachable when the answer has not the shape that the API's document gives it."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"]))
        raise Unreachable(
            f"the foundation sent a {kind.__name__} as no v3 API does: {where}: {detail['msg']}"
        ) from error


def every(transport: Transport, path: str, kind: type[Kind], *, under: str = "resources", **query: Any) -> list[Kind]:
    """All of them, from every page. `query`: lists become commas, None is left out."""
    found: list[Kind] = []
    page = transport.get(path, **query, per_page=str(PER_PAGE))
    for _ in range(MOST_PAGES):
        found += [parse(kind, each) for each in page.get(under) or []]
        following = (page.get("pagination") or {}).get("next")
        if not following:
            return found
        page = transport.get(following["href"])
    raise Unreachable(f"{path}: the list does not end after {MOST_PAGES} pages")


def by_name(transport: Transport, path: str, kind: type[NamedKind], name: str, **query: Any) -> NamedKind | None:
    """The one of that name, None when there is none. A foundation that does not filter by name is no trouble."""
    found = [each for each in every(transport, path, kind, names=name, **query) if each.name == name]
    return found[0] if found else None


def must(found: Kind | None, what: str, cure: str) -> Kind:
    if found is None:
        raise NotThere(f"there is no {what}, or you may not see it; {cure}")
    return found
