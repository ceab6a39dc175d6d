"""GenDog's page: choose a breed and a number, and pictures of dogs appear.

A browser's own pictures: the ids of its tasks are kept in its signed session cookie, and the pictures are read from
the result store, so that any of several web processes can answer.
"""

import uuid
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.broker.message import TaskMessage
from app.settings import Settings
from app.web import addition
from app.web.answers import json_response
from app.web.problems import Problem
from app.web.results import read_state
from app.web.services import services
from app.web.tasks import publish

BREEDS = (
    "affenpinscher",
    "dalmatian",
    "germanshepherd",
    "kelpie",
    "labrador",
    "husky",
    "otterhound",
    "pitbull",
    "pug",
    "rottweiler",
)
MOST_PICTURES = 50  # the dog API gives no more at a time
# A cookie holds 4 KB; the oldest pictures make room.
MOST_ORDERS = 20
# Orders are kept in the session as [task id, breed, number]. What the form says before the first:
FIRST_ORDER = [None, BREEDS[0], 6]
_ORDERS = "orders"


def register(app: Flask, settings: Settings) -> None:
    if settings.warren_front_page == "longtime_add":
        app.add_url_rule("/", "front", _longtime_add)
    else:
        app.add_url_rule("/", "front", page)
        app.add_url_rule("/", "order", order, methods=["POST"])
        app.add_url_rule("/pictures", "pictures", pictures)


def page(status: int = 200, trouble: str = "") -> Response:
    """The page, with what is known of the browser's pictures."""
    _, breed, count = session.get(_ORDERS, [FIRST_ORDER])[-1]
    html = render_template(
        "gendog.html",
        breeds=BREEDS,
        chosen=request.form.get("breed", breed),
        limit=request.form.get("limit", count),
        most=MOST_PICTURES,
        trouble=trouble,
        **_seen(),
    )
    return Response(html, status, mimetype="text/html")


def order() -> AnyResponse:
    """The form: order pictures, or forget those there are. Then the page again."""
    wanted = request.form.get("submit")
    if wanted == "clearDogPics":
        session.pop(_ORDERS, None)
        return redirect(url_for("front"), 303)
    breed, limit = request.form.get("breed", ""), request.form.get("limit", "")
    if wanted != "getDogPics" or breed not in BREEDS:
        return page(422, "Please pick a breed from the list.")
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 4 and 1 <= int(limit) <= MOST_PICTURES):
        return page(422, f"Please say how many pictures: a whole number from 1 to {MOST_PICTURES}.")
    s = services()
    message = TaskMessage(
        id=str(uuid.uuid4()), task="get_dog_pics", queue=s.contract.queue_of("get_dog_pics"), args=[breed, int(limit)]
    )
    try:
        publish(s, message)
    except Problem as problem:
        if problem.more.get("sent") == "no":
            return page(problem.status, "The dogs cannot be reached at the moment. Please try again in a few seconds.")
        # Its fate is not known: keep the id, and the pictures will appear if it arrived.
    session[_ORDERS] = [*session.get(_ORDERS, []), [message.id, breed, int(limit)]][-MOST_ORDERS:]
    return redirect(url_for("front"), 303)


def pictures() -> Response:
    """What the page's script asks for while pictures are on their way."""
    return json_response(_seen())


def _seen() -> dict[str, Any]:
    """`pictures` newest first, how many more are `waiting`, and a sentence for each order that `failed`."""
    found: dict[str, Any] = {"pictures": [], "waiting": 0, "failed": []}
    for task_id, breed, count in reversed(session.get(_ORDERS, [])):
        state = read_state(services(), task_id)
        if state.state == "success":
            urls = [url for url in state.result or [] if urlsplit(str(url)).scheme in ("http", "https")]
            found["pictures"] += [{"url": url, "breed": breed} for url in urls]
        elif state.final:
            found["failed"].append(f"No pictures of {breed}: the dog API has none, or did not answer.")
        else:
            found["waiting"] += count
    return found


def _longtime_add() -> Response:
    """The front page of the Cloud Foundry source: `5`, five seconds later."""
    return addition.longtime_add(addition.Numbers.model_validate(request.args.to_dict()))
