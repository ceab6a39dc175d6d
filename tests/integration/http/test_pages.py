"""The front page without a browser's script: GenDog's form, and longtime_add in its place."""

from typing import Any

import pytest


def test_the_form_has_what_the_source_has(front: Any) -> None:
    page = front.get("/").text
    for breed in ("affenpinscher", "germanshepherd", "rottweiler"):
        assert f'<option value="{breed}"' in page
    for needed in ('name="breed"', 'name="limit"', 'value="getDogPics"', 'value="clearDogPics"'):
        assert needed in page


def test_ordering_sends_a_task_and_shows_the_page_again(front: Any, channel: Any) -> None:
    channel.queue_purge("io")
    answer = front.post("/", data={"submit": "getDogPics", "breed": "pug", "limit": "3"})
    assert answer.status_code == 200  # after the redirect
    assert [step.status_code for step in answer.history] == [303]
    assert 'data-waiting="3"' in answer.text
    _, properties, body = channel.basic_get("io", auto_ack=True)
    assert properties.headers["task"] == "get_dog_pics"
    assert body.startswith(b'[["pug",3]')
    assert front.get("/pictures").json() == {"pictures": [], "waiting": 3, "failed": []}
    cleared = front.post("/", data={"submit": "clearDogPics"})
    assert 'data-waiting="0"' in cleared.text


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"submit": "getDogPics", "breed": "cat", "limit": "3"}, "pick a breed"),
        ({"submit": "getDogPics", "breed": "<script>", "limit": "3"}, "pick a breed"),
        ({"submit": "getDogPics", "breed": "pug", "limit": "0"}, "from 1 to 50"),
        ({"submit": "getDogPics", "breed": "pug", "limit": "51"}, "from 1 to 50"),
        ({"submit": "getDogPics", "breed": "pug", "limit": "-1"}, "from 1 to 50"),
        ({"submit": "getDogPics", "breed": "pug", "limit": "many"}, "from 1 to 50"),
        ({"submit": "getDogPics", "breed": "pug"}, "from 1 to 50"),
        ({}, "pick a breed"),
    ],
)
def test_a_wrong_order_is_explained_on_the_page(front: Any, channel: Any, form: dict, says: str) -> None:
    channel.queue_purge("io")
    answer = front.post("/", data=form)
    assert answer.status_code == 422
    assert says in answer.text
    assert 'role="alert"' in answer.text
    assert "<script>" not in answer.text
    assert channel.queue_declare("io", passive=True).method.message_count == 0


def test_a_forged_cookie_shows_nothing(front: Any) -> None:
    answer = front.get("/pictures", headers={"Cookie": "warren=eyJvcmRlcnMiOltbIngiLCJwdWciXV19.aaaa.bbbb"})
    assert answer.json() == {"pictures": [], "waiting": 0, "failed": []}


def test_an_oversized_form_is_refused(front: Any) -> None:
    assert front.post("/", data={"submit": "getDogPics", "breed": "x" * 300_000}).status_code == 413


def test_the_front_page_may_be_longtime_add(processes: Any) -> None:
    other = processes.web(WARREN_FRONT_PAGE="longtime_add")
    processes.start("worker", "long", role="worker")
    answer = other.get("/?x=4&y=5")
    assert (answer.status_code, answer.text) == (200, "9")
    assert other.get("/?x=four").status_code == 422
    assert other.post("/", data={"submit": "clearDogPics"}).status_code == 405
