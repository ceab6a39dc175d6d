"""Places for waiting requests: never more than there are, and each is given back once."""

import pytest

from app.web.limits import Waiters


def test_no_more_places_than_there_are() -> None:
    waiters = Waiters(2)
    with waiters.place() as first, waiters.place() as second, waiters.place() as third:
        assert (first, second, third) == (True, True, False)
    with waiters.place() as again, waiters.place() as once_more:
        assert (again, once_more) == (True, True)


def test_a_place_comes_back_after_an_error_too() -> None:
    waiters = Waiters(1)
    with pytest.raises(RuntimeError), waiters.place():
        raise RuntimeError
    with waiters.place() as free:
        assert free


def test_a_place_is_given_back_only_once() -> None:
    waiters = Waiters(1)
    place = waiters.take()
    assert place is not None
    assert waiters.take() is None
    place.give_back()
    place.give_back()
    assert waiters.take() is not None
    assert waiters.take() is None


def test_refusing_says_that_nothing_was_sent_and_when_to_come_back() -> None:
    refusal = Waiters(1).refuse()
    assert (refusal.status, refusal.more["sent"]) == (503, "no")
    assert refusal.retry_after
